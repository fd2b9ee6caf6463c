using System.Runtime.CompilerServices;

namespace NativeBackprop;

/// <summary>
/// A graph made ready to run for some outputs and a batch size: a flat list of kernel calls with resolved pointers into one
/// pinned arena. Running it is a loop and allocates nothing.
/// </summary>
/// <remarks>
/// Thread safety: for one thread at a time; a second one is refused. Binding, running or reading a plan while it is in use elsewhere, or
/// from inside its own run, throws <see cref="InvalidOperationException"/>. Several plans may run at once, and may share parameters as long
/// as none of them updates those. <see cref="Dispose"/> may be called from any thread.
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
    private readonly Action<int> _runPart;
    private readonly List<PlanValue> _unbound = [];
    private readonly Dictionary<PlanValue, PlanValue[]> _views;
    private readonly PlanValue[] _restOutputs;
    private readonly HashSet<PlanValue> _firstInputs;
    private readonly Occupancy _use = new("plan");

    internal Plan(PlanProgram program, PlanOptions options)
    {
        _program = program;

        // Besides the nodes' values there are those that rules have made on the way.
        IEnumerable<PlanStep> steps = program.ConstantSteps.Concat(program.Steps);
        PlanValue[] values = [.. program.Values.Concat(steps.SelectMany(step => step.Inputs.Concat(step.Outputs))).Distinct()];
        _slots = GC.AllocateArray<nint>(values.Length, pinned: true);
        _bound = new PinnedBuffer?[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            values[i].Slot = i;
        }

        // Kernels first, because they say how much memory they want; what their operands point to is looked up at every run.
        ProductLibrary products = Ops.ProductRule.Resolve(options.Products, options.Reproducible);
        Kernel[] constants = [.. program.ConstantSteps.Select(step => CreateKernel(step, products))];
        Kernel[] kernels = [.. program.Steps.Select(step => CreateKernel(step, products))];
        _threads = ThreadCount(options, kernels);
        for (int i = 0; i < kernels.Length; i++)
        {
            program.Steps[i].WorkspaceLength = kernels[i].WorkspaceLength(_threads);
        }

        _memory = MemoryPlanner.Run(program);
        _views = values.GroupBy(value => value.Memory).ToDictionary(views => views.Key, views => views.ToArray());
        Allocate();
        for (int i = 0; i < kernels.Length; i++)
        {
            if (program.Steps[i].WorkspaceLength > 0)
            {
                kernels[i].Workspace = _arena.At(program.Steps[i].WorkspaceOffset);
            }
        }

        for (int i = 0; i < constants.Length; i++)
        {
            Compute(program.ConstantSteps[i], constants[i]);
        }

        var scheduler = new Scheduler(program, _threads, options.ExactThreads);
        _kernels = [.. kernels.Select((kernel, i) => scheduler.Add(i, kernel))];
        _faulty = [.. _kernels.Where(scheduled => scheduled.Step.Operation.CanFault)];
        _restOutputs = [.. program.Steps[program.FirstSteps..].SelectMany(step => step.Outputs)];
        _undo = Undoable(program);
        _firstInputs = [.. program.Steps[..program.FirstSteps].SelectMany(step => step.Inputs).Select(input => input.Memory)];
        _runPart = RunPart;
        if (_threads > 1)
        {
            _ownsTeam = options.Team is null;
            _team = options.Team ?? new ThreadTeam(_threads);
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
    /// <exception cref="InvalidOperationException">
    /// The value is not computed: no run went before, or it failed; or the plan is in use.
    /// </exception>
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

            if (output.Op.ElementType != ElementType.Float32)
            {
                throw new GraphException($"{output} holds class indices, which are no tensor of numbers");
            }

            if (_progress != Progress.All && !IsThere(value))
            {
                throw Refusal.InvalidOperation($"{output} is not computed: it needs a Run, or the half that computes it");
            }

            return new Tensor(Owner(value.Memory), (float*)_slots[value.Slot], value.Shape);
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
        _ => _progress == Progress.First && !IsLeftToTheRest(value),
    };

    // A value may be written by several steps: a concatenation is, a part by each operand.
    private bool IsLeftToTheRest(PlanValue value)
    {
        foreach (PlanValue output in _restOutputs)
        {
            if (output.Overlaps(value))
            {
                return true;
            }
        }

        return false;
    }

    private Kernel CreateKernel(PlanStep step, ProductLibrary products)
    {
        Operand[] inputs = [.. step.Inputs.Select(CreateOperand)], outputs = [.. step.Outputs.Select(CreateOperand)];
        try
        {
            return step.Operation.CreateKernel(new KernelArguments(inputs, outputs, products));
        }
        catch (ShapeException e) when (step.Outputs[0].Node.Name is { } name)
        {
            throw new ShapeException($"{name}: {e.Message}", e);
        }
    }

    private Operand CreateOperand(PlanValue value) => new((float**)Unsafe.AsPointer(ref _slots[value.Slot]), value.Shape);

    // Makes the memory that the planner has laid out, and the inputs' own behind it.
    private void Allocate()
    {
        foreach (long block in _memory.Blocks)
        {
            _arena.Reserve(block);
        }

        foreach (PlanValue input in _views.Keys.Where(root => root.Storage == Storage.Input))
        {
            input.Offset = _arena.Reserve(Math.Max(1, input.Length));
            _unbound.Add(input);
        }

        _arena.Allocate();
        foreach (PlanValue root in _views.Keys)
        {
            if (root is { Storage: Storage.Variable, Node.Op: Ops.Variable variable })
            {
                Point(root, variable.Parameter.Tensor.Pointer);
            }
            else if (root.Offset >= 0)
            {
                Point(root, _arena.At(root.Offset));
            }
        }
    }

    // Says where a root is now, and with it everything that shows a range of it.
    private void Point(PlanValue root, float* memory)
    {
        foreach (PlanValue value in _views[root])
        {
            _slots[value.Slot] = (nint)(memory + value.Start);
        }
    }

    // Runs a step that is run once, when the plan is made.
    private static void Compute(PlanStep step, Kernel kernel)
    {
        PinnedBuffer? workspace = kernel.WorkspaceLength(1) is var length and > 0 ? new PinnedBuffer(length) : null;
        kernel.Workspace = workspace is null ? null : workspace.Pointer;
        kernel.Run(0, kernel.Units, 0);
        GC.KeepAlive(workspace);
        if (kernel.TakeFault() is { } fault)
        {
            throw Error(step, fault);
        }
    }

    private PinnedBuffer Owner(PlanValue root) => root is { Storage: Storage.Variable, Node.Op: Ops.Variable variable }
        ? variable.Parameter.Tensor.Owner
        : _bound[root.Slot] ?? _arena.Owner(root.Offset);

    private static int ThreadCount(PlanOptions options, Kernel[] kernels) => options.ExactThreads
        ? options.Threads
        : CostModel.Threads(kernels, options.Team?.Count ?? Limit(options.Threads));

    /// <summary>The most threads that are of use where up to <paramref name="threads"/> are asked for; 0 asks for all processors.</summary>
    internal static int Limit(int threads) => threads > 0 ? Math.Min(threads, Environment.ProcessorCount) : Environment.ProcessorCount;
}
