using System.Runtime.CompilerServices;

namespace NativeBackprop;

/// <summary>
/// A graph made ready to run for some outputs and a batch size: a flat list of kernel calls with resolved pointers into one
/// pinned arena. Running it is a loop and allocates nothing.
/// </summary>
/// <remarks>
/// Thread safety: a plan belongs to one thread at a time; binding, running or reading it while it is in use elsewhere, or from inside its
/// own run, throws <see cref="InvalidOperationException"/>. Several plans may run at once, and may share parameters as long as none of
/// them updates those. <see cref="Dispose"/> may be called from any thread.
/// </remarks>
public sealed unsafe partial class Plan : IDisposable
{
    private readonly PlanProgram _program;
    private readonly ScheduledKernel[] _kernels;
    private readonly ScheduledKernel[] _faulty;
    private readonly Arena _arena = new();
    private readonly MemoryPlanner _memory;
    private readonly nint[] _slots;
    private readonly PinnedBuffer?[] _bound;
    private readonly ThreadTeam? _team;
    private readonly bool _ownsTeam;
    private readonly int _threads;
    private readonly Action<int> _share;
    private readonly List<PlanValue> _unbound = [];
    private readonly HashSet<PlanStep> _firstSteps;
    private readonly HashSet<PlanValue> _firstInputs;
    private readonly Occupancy _use = new("plan");

    internal Plan(PlanProgram program, PlanOptions options)
    {
        _program = program;
        _memory = MemoryPlanner.Run(program);
        foreach (long block in _memory.Blocks)
        {
            _arena.Reserve(block);
        }

        foreach (PlanValue input in program.Values.Where(value => value.Storage == Storage.Input && value.Memory == value))
        {
            input.Offset = _arena.Reserve(Math.Max(1, input.Shape.Length));
            _unbound.Add(input);
        }

        _arena.Allocate();
        _slots = GC.AllocateArray<nint>(program.Values.Count, pinned: true);
        _bound = new PinnedBuffer?[program.Values.Count];
        for (int i = 0; i < program.Values.Count; i++)
        {
            PlanValue value = program.Values[i];
            value.Slot = i;
            _slots[i] = (nint)(value is { Storage: Storage.Variable, Node.Op: Ops.Variable variable } ? variable.Parameter.Tensor.Pointer
                : value.Memory == value && value.Offset >= 0 ? _arena.At(value.Offset) : null);
        }

        foreach (PlanStep step in program.ConstantSteps)
        {
            Kernel kernel = CreateKernel(step);
            kernel.Run(0, kernel.Units, 0);
            if (kernel.TakeFault() is { } fault)
            {
                throw Faulty(step, fault);
            }
        }

        Kernel[] kernels = [.. program.Steps.Select(CreateKernel)];
        int threads = ThreadCount(options, kernels);
        _threads = threads;
        var scheduler = new Scheduler(threads, options.ExactThreads);
        _kernels = new ScheduledKernel[kernels.Length];
        for (int i = 0; i < kernels.Length; i++)
        {
            _kernels[i] = scheduler.Add(program.Steps[i], kernels[i]);
        }

        _faulty = [.. _kernels.Where(scheduled => scheduled.Kernel.CanFault)];
        _firstSteps = [.. program.Steps[..program.FirstSteps]];
        _firstInputs = [.. _firstSteps.SelectMany(step => step.Inputs).Select(input => input.Memory)];
        _share = Share;
        if (threads > 1)
        {
            _ownsTeam = options.Team is null;
            _team = options.Team ?? new ThreadTeam(threads);
        }

        GC.KeepAlive(this);
    }

    /// <summary>How many threads run the plan.</summary>
    /// <exception cref="ObjectDisposedException">The plan has been disposed of.</exception>
    public int Threads => Alive._threads;

    /// <summary>Floating-point operations of one run, a multiply-add counted as two.</summary>
    /// <exception cref="ObjectDisposedException">The plan has been disposed of.</exception>
    public long Flops => Alive._kernels.Sum(kernel => kernel.Kernel.Flops);

    /// <summary>The kernels in the order that they run in.</summary>
    internal IReadOnlyList<ScheduledKernel> Kernels => _kernels;

    /// <summary>The values that the caller wants.</summary>
    internal IEnumerable<PlanValue> Outputs => _program.Values.Where(value => value.IsOutput);

    /// <summary>
    /// The value of an output after the last run, as a view into the plan's memory: the next run writes to it. Parameters and bound inputs
    /// can be read before a run too, and outputs of the first half after <see cref="RunFirst"/>.
    /// </summary>
    /// <exception cref="GraphException">The node is not among the outputs that the plan was compiled for.</exception>
    /// <exception cref="InvalidOperationException">The value is not computed: no run went before, or it failed; or the plan is in use.</exception>
    /// <exception cref="ObjectDisposedException">The plan has been disposed of.</exception>
    public Tensor this[Node output]
    {
        get
        {
            ArgumentNullException.ThrowIfNull(output);
            _use.ThrowIfTaken();
            if (!_program.ByNode.TryGetValue(output, out PlanValue? value) || !value.IsOutput)
            {
                throw new GraphException($"{output} is not an output of this plan");
            }

            if (_progress != Progress.All && !IsThere(value))
            {
                throw new InvalidOperationException($"{output} is not computed: call Run, or the half that computes it, and let it succeed");
            }

            return new Tensor(Owner(value.Memory), (float*)_slots[value.Memory.Slot] + value.Start, value.Shape);
        }
    }

    /// <summary>
    /// Waits for a run that is going on in another thread, and stops the plan's threads. The plan cannot be used any more. Tensors that it
    /// gave out before keep their memory, and the values of the last run.
    /// </summary>
    /// <exception cref="InvalidOperationException">Called from inside the plan's own run.</exception>
    public void Dispose()
    {
        if (_use.Dispose() && _ownsTeam)
        {
            _team!.Dispose();
        }
    }

    // The plan, for what may be asked of it until it is disposed of.
    private Plan Alive
    {
        get
        {
            _use.ThrowIfDisposed();
            return this;
        }
    }

    // Whether a value can be read although not every step of a run has been done.
    private bool IsThere(PlanValue value) => value.Storage switch
    {
        Storage.Variable or Storage.Constant => true,
        Storage.Input => !_unbound.Contains(value.Memory),
        _ => _progress == Progress.First && value.Producer is { } producer && _firstSteps.Contains(producer),
    };

    private Kernel CreateKernel(PlanStep step)
    {
        Operand[] inputs = [.. step.Inputs.Select(CreateOperand)], outputs = [.. step.Outputs.Select(CreateOperand)];
        return step.Operation.CreateKernel(new KernelArguments(inputs, outputs));
    }

    private Operand CreateOperand(PlanValue value) =>
        new((float**)Unsafe.AsPointer(ref _slots[value.Memory.Slot]), value.Start, value.Shape);

    private PinnedBuffer Owner(PlanValue memory) => memory is { Storage: Storage.Variable, Node.Op: Ops.Variable variable }
        ? variable.Parameter.Tensor.Owner
        : _bound[memory.Slot] ?? _arena.Owner(memory.Offset);

    private static int ThreadCount(PlanOptions options, Kernel[] kernels) => options.ExactThreads
        ? options.Threads
        : CostModel.Threads(kernels, options.Team?.Count ?? Limit(options.Threads));

    /// <summary>The most threads that are of use where up to <paramref name="threads"/> are asked for; 0 asks for all processors.</summary>
    internal static int Limit(int threads) => threads > 0 ? Math.Min(threads, Environment.ProcessorCount) : Environment.ProcessorCount;
}
