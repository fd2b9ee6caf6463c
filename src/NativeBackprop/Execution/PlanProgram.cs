namespace NativeBackprop;

/// <summary>Where the memory of a plan's value comes from.</summary>
internal enum Storage
{
    /// <summary>The plan's arena, by liveness.</summary>
    Computed,

    /// <summary>The caller, at every run.</summary>
    Input,

    /// <summary>A <see cref="Parameter"/>.</summary>
    Variable,

    /// <summary>Filled once, when the plan is made.</summary>
    Constant,
}

/// <summary>A value of a plan: a shape and where its memory is. Views and in-place updates share their base's memory.</summary>
internal sealed class PlanValue
{
    private readonly PlanValue? _base;
    private PlanStep? _producer;

    public PlanValue(Node node, Shape shape, Storage storage, PlanValue? @base = null)
    {
        (Node, Shape, Storage, _base) = (node, shape, @base?.Storage ?? storage, @base);
        @base?.IsShared = true;
    }

    public Node Node { get; }

    public Shape Shape { get; }

    public Storage Storage { get; }

    /// <summary>The value whose memory this one is; itself when the memory is its own.</summary>
    public PlanValue Memory => _base?.Memory ?? this;

    /// <summary>Wanted by the caller: must keep its memory to the end.</summary>
    public bool IsOutput { get; set; }

    /// <summary>Other values show the same memory, and may have readers of their own.</summary>
    public bool IsShared { get; private set; }

    /// <summary>The step that writes the value; of a view, the one that writes what it shows.</summary>
    public PlanStep? Producer
    {
        get => _producer ?? _base?.Producer;
        set => _producer = value;
    }

    public List<PlanStep> Consumers { get; } = [];

    /// <summary>Index into the plan's table of pointers; of the root only.</summary>
    public int Slot { get; set; } = -1;

    /// <summary>Place in the plan's arena in floats; of the root only.</summary>
    public long Offset { get; set; } = -1;
}

/// <summary>One operation of a plan, before it has a kernel.</summary>
internal sealed class PlanStep
{
    public PlanStep(Operation operation, PlanValue[] inputs, PlanValue[] outputs, int order)
    {
        (Operation, Inputs, Outputs, Order) = (operation, inputs, outputs, order);
        foreach (PlanValue input in inputs)
        {
            input.Consumers.Add(this);
        }

        foreach (PlanValue output in outputs)
        {
            output.Producer = this;
        }
    }

    public Operation Operation { get; }

    public PlanValue[] Inputs { get; }

    public PlanValue[] Outputs { get; }

    /// <summary>Position of creation.</summary>
    public int Order { get; }

    /// <summary>True once a rewriting rule has put another step in its place.</summary>
    public bool IsReplaced { get; private set; }

    /// <summary>Takes the step out of its inputs' lists.</summary>
    public void Remove()
    {
        IsReplaced = true;
        foreach (PlanValue input in Inputs)
        {
            input.Consumers.Remove(this);
        }
    }
}

/// <summary>What a graph comes down to for some wanted outputs and a batch size: steps over values.</summary>
internal sealed class PlanProgram
{
    public List<PlanValue> Values { get; } = [];

    /// <summary>What is run once, when the plan is made.</summary>
    public List<PlanStep> ConstantSteps { get; } = [];

    /// <summary>What every run does, in order.</summary>
    public List<PlanStep> Steps { get; set; } = [];

    /// <summary>How many of the steps belong to the first half.</summary>
    public int FirstSteps { get; set; }

    /// <summary>
    /// Index of the first step that may write a variable, behind the first half if there is one. No step at or behind it can fault, and
    /// none before it, the first half apart, writes a variable: the count of steps when nothing is written.
    /// </summary>
    public int CommitStep { get; set; }

    /// <summary>The same for the steps of the first half: at most <see cref="FirstSteps"/>.</summary>
    public int FirstCommitStep { get; set; }

    public Dictionary<Node, PlanValue> ByNode { get; } = [];
}
