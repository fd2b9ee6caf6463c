using System.Runtime.CompilerServices;

namespace NativeBackprop;

/// <summary>
/// A graph made ready to run for some outputs and a batch size: a flat list of kernel calls with resolved pointers into one
/// pinned arena. Running it is a loop and allocates nothing. A plan belongs to one caller at a time; several plans may
/// run at once, and may share parameters as long as none of them updates those.
/// </summary>
public sealed unsafe partial class Plan : IDisposable
{
    private readonly PlanProgram _program;
    private readonly ScheduledKernel[] _kernels;
    private readonly Kernel[] _faulty;
    private readonly Arena _arena = new();
    private readonly MemoryPlanner _memory;
    private readonly nint[] _slots;
    private readonly PinnedBuffer?[] _bound;
    private readonly ThreadTeam? _team;
    private readonly bool _ownsTeam;
    private readonly Action<int> _share;
    private readonly List<PlanValue> _unbound = [];
    private int _from, _to;
    private int _running;
    private bool _disposed;

    internal Plan(PlanProgram program, PlanOptions options)
    {
        _program = program;
        _memory = MemoryPlanner.Run(program);
        _arena.Reserve(_memory.Length);
        long inputs = _arena.Length;
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
            _slots[i] = (nint)(value.Node.Op is Ops.Variable variable ? variable.Parameter.Tensor.Pointer
                : value.Memory == value && value.Offset >= 0 ? _arena.At(value.Offset) : null);
        }

        foreach (PlanStep step in program.ConstantSteps)
        {
            Kernel kernel = CreateKernel(step);
            kernel.Run(0, kernel.Units, 0);
            if (kernel.Fault is { } fault)
            {
                throw Faulty(step, fault);
            }
        }

        Kernel[] kernels = [.. program.Steps.Select(CreateKernel)];
        int threads = ThreadCount(options, kernels);
        Threads = threads;
        var scheduler = new Scheduler(threads, options.ExactThreads);
        _kernels = new ScheduledKernel[kernels.Length];
        for (int i = 0; i < kernels.Length; i++)
        {
            if (i == program.FirstSteps)
            {
                scheduler.Meet();
            }

            _kernels[i] = scheduler.Add(program.Steps[i], kernels[i]);
        }

        _faulty = [.. kernels.Where(kernel => kernel.CanFault)];
        _share = Share;
        if (threads > 1)
        {
            _ownsTeam = options.Team is null;
            _team = options.Team ?? new ThreadTeam(threads);
        }
    }

    /// <summary>How many threads run the plan.</summary>
    public int Threads { get; }

    /// <summary>Floating-point operations of one run, a multiply-add counted as two.</summary>
    public long Flops => _kernels.Sum(kernel => kernel.Kernel.Flops);

    /// <summary>The kernels in the order that they run in.</summary>
    internal IReadOnlyList<ScheduledKernel> Kernels => _kernels;

    /// <summary>The values that the caller wants.</summary>
    internal IEnumerable<PlanValue> Outputs => _program.Values.Where(value => value.IsOutput);

    /// <summary>The value of an output after the last run, as a view into the plan's memory.</summary>
    /// <exception cref="GraphException">The node is not among the outputs that the plan was compiled for.</exception>
    public Tensor this[Node output]
    {
        get
        {
            if (!_program.ByNode.TryGetValue(output, out PlanValue? value) || !value.IsOutput)
            {
                throw new GraphException($"{output} is not an output of this plan");
            }

            return new Tensor(Owner(value.Memory), (float*)_slots[value.Memory.Slot] + value.Start, value.Shape);
        }
    }

    /// <summary>Runs every step.</summary>
    /// <exception cref="GraphException">An input is not bound, the plan is running already, or an op met a value outside its domain.</exception>
    /// <exception cref="ObjectDisposedException">The plan has been disposed of.</exception>
    public void Run() => Run(0, _kernels.Length);

    /// <summary>Runs the steps that <see cref="PlanOptions.First"/> needs.</summary>
    /// <exception cref="GraphException">As <see cref="Run()"/>.</exception>
    public void RunFirst() => Run(0, _program.FirstSteps);

    /// <summary>Runs what <see cref="RunFirst"/> has left.</summary>
    /// <exception cref="GraphException">As <see cref="Run()"/>.</exception>
    public void RunRest() => Run(_program.FirstSteps, _kernels.Length);

    /// <summary>Stops the plan's threads. The plan cannot run any more; its outputs can still be read.</summary>
    public void Dispose()
    {
        _disposed = true;
        if (_ownsTeam)
        {
            _team?.Dispose();
        }
    }

    private void Run(int from, int to)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_unbound.Count > 0)
        {
            throw new GraphException($"input {_unbound[0].Node} is not bound: call Bind before Run");
        }

        Enter();
        try
        {
            (_from, _to) = (from, to);
            if (_team is null)
            {
                for (int i = from; i < to; i++)
                {
                    Kernel kernel = _kernels[i].Kernel;
                    kernel.Run(0, kernel.Units, 0);
                }
            }
            else
            {
                _team.Run(_share);
            }
        }
        finally
        {
            _running = 0;
        }

        if (_faulty.Length > 0)
        {
            ThrowFault();
        }
    }

    // One thread's part of a run. A failed kernel must not keep the thread from the meetings that the others wait at.
    private void Share(int thread)
    {
        int i = _from;
        bool failed = false;
        while (i < _to)
        {
            try
            {
                for (; i < _to; i++)
                {
                    ScheduledKernel scheduled = _kernels[i];
                    if (scheduled.Waits && i > _from)
                    {
                        _team!.Synchronize(thread);
                    }

                    int begin = scheduled.Bounds[thread], end = scheduled.Bounds[thread + 1];
                    if (begin < end && !failed)
                    {
                        scheduled.Kernel.Run(begin, end, thread);
                    }
                }
            }
            catch (Exception failure)
            {
                _team!.Fail(failure);
                failed = true;
                i++;
            }
        }
    }

    private void Enter()
    {
        if (Interlocked.Exchange(ref _running, 1) != 0)
        {
            throw new GraphException("the plan is running: a plan belongs to one caller at a time, and its inputs may not be bound during a run");
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ThrowFault()
    {
        // Every kernel is asked, because being asked is what makes it forget.
        GraphException? first = null;
        foreach (ScheduledKernel scheduled in _kernels)
        {
            if (scheduled.Kernel.CanFault && scheduled.Kernel.Fault is { } fault)
            {
                first ??= Faulty(scheduled.Step, fault);
            }
        }

        if (first is not null)
        {
            throw first;
        }
    }

    private static GraphException Faulty(PlanStep step, string fault) =>
        new($"{step.Outputs[0].Node}({string.Join(", ", step.Inputs.Select(input => input.Node))}): {fault}");

    private Kernel CreateKernel(PlanStep step)
    {
        Operand[] inputs = [.. step.Inputs.Select(CreateOperand)], outputs = [.. step.Outputs.Select(CreateOperand)];
        return step.Operation.CreateKernel(new KernelArguments(inputs, outputs));
    }

    private Operand CreateOperand(PlanValue value) =>
        new((float**)Unsafe.AsPointer(ref _slots[value.Memory.Slot]), value.Start, value.Shape);

    private PinnedBuffer Owner(PlanValue memory) => memory.Node.Op is Ops.Variable variable
        ? variable.Parameter.Tensor.Owner
        : _bound[memory.Slot] ?? _arena.Buffer;

    private static int ThreadCount(PlanOptions options, Kernel[] kernels)
    {
        if (options.Threads is < 0 or > 1024)
        {
            throw new OptionException($"the thread count must lie in 0..1024, got {options.Threads}");
        }

        if (options.ExactThreads)
        {
            return options.Threads > 0 ? options.Threads : throw new OptionException("an exact thread count must be at least 1, got 0");
        }

        int limit = options.Team?.Count ?? Limit(options.Threads);
        return CostModel.Threads(kernels, limit);
    }

    /// <summary>The most threads that are of use where up to <paramref name="threads"/> are asked for; 0 asks for all processors.</summary>
    internal static int Limit(int threads) => threads > 0 ? Math.Min(threads, Environment.ProcessorCount) : Environment.ProcessorCount;
}
