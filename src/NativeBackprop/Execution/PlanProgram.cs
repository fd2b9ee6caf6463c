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

/// <summary>
/// A value of a plan: a shape and where its memory is. The memory is a range of a root: of the value itself, or of another one that it
/// is a view of, is updated in, or has its place in.
/// </summary>
internal sealed class PlanValue
{
    private readonly Storage _storage;
    private PlanValue? _base;
    private int _start;
    private PlanStep? _producer;

    /// <summary>
    /// Makes a value with memory of its own, or a view of <paramref name="base"/> from element <paramref name="start"/> on.
    /// </summary>
    /// <exception cref="ShapeException">The batch size is still open, or there are more elements than an int counts.</exception>
    public PlanValue(Node node, Shape shape, Storage storage, PlanValue? @base = null, int start = 0)
    {
        (Node, Shape, Length, _storage, _base, _start) = (node, shape, shape.Length, storage, @base, start);
        @base?.HasViews = true;
    }

    public Node Node { get; }

    public Shape Shape { get; }

    /// <summary>Number of elements.</summary>
    public int Length { get; }

    public Storage Storage => Memory._storage;

    /// <summary>The value whose memory this one is a range of; itself when the memory is its own.</summary>
    public PlanValue Memory
    {
        get
        {
            PlanValue root = this;
            while (root._base is { } next)
            {
                root = next;
            }

            return root;
        }
    }

    /// <summary>Where the value starts in <see cref="Memory"/>, in elements.</summary>
    public int Start
    {
        get
        {
            int start = 0;
            for (PlanValue? value = this; value is not null; value = value._base)
            {
                start += value._start;
            }

            return start;
        }
    }

    /// <summary>True for another look at memory that a step has written under another value, or that no step writes.</summary>
    public bool IsView => _base is not null && _producer is null;

    /// <summary>Wanted by the caller: must keep its memory to the end.</summary>
    public bool IsOutput { get; set; }

    /// <summary>Views show the same memory, and may have readers of their own.</summary>
    public bool HasViews { get; private set; }

    /// <summary>The step that writes the value; of a view, the one that writes what it shows.</summary>
    public PlanStep? Producer
    {
        get
        {
            PlanValue? value = this;
            while (value is { _producer: null })
            {
                value = value._base;
            }

            return value?._producer;
        }
        set => _producer = value;
    }

    /// <summary>
    /// What a step has written, or no step writes, that this value is or is a view of. A variable is one such value before its first
    /// update and another one after each.
    /// </summary>
    public PlanValue Written
    {
        get
        {
            PlanValue value = this;
            while (value is { _producer: null, _base: { } next })
            {
                value = next;
            }

            return value;
        }
    }

    public List<PlanStep> Consumers { get; } = [];

    /// <summary>Index into the plan's table of pointers.</summary>
    public int Slot { get; set; } = -1;

    /// <summary>Place in the plan's arena in floats; of the root only.</summary>
    public long Offset { get; set; } = -1;

    /// <summary>The value's own place in the plan's arena in floats; negative when it is elsewhere or not known yet.</summary>
    public long Place => Memory.Offset is var offset and >= 0 ? offset + Start : -1;

    /// <summary>
    /// Gives up memory of its own for the range of another value's that starts at <paramref name="start"/>: what is written here, is
    /// written there.
    /// </summary>
    public void PlaceIn(PlanValue other, int start)
    {
        bool fits = _base is null && other.Memory != this && Storage == Storage.Computed && other.Storage == Storage.Computed
            && start >= 0 && start <= other.Length - Length;
        (_base, _start) = fits ? (other, start) : throw Refusal.InvalidOperation($"{Node} has no place in {other.Node} at {start}");
    }

    /// <summary>Shows other memory of the same layout: of a variable's value that is kept, or computed, outside the variable.</summary>
    public void MoveTo(PlanValue other)
    {
        (_base, _start) = (other, Start - Written.Start);
        other.HasViews = true;
    }

    /// <summary>True when both show some of the same elements of one root.</summary>
    public bool Overlaps(PlanValue other) => Memory == other.Memory && Start < other.Start + other.Length && other.Start < Start + Length;

    /// <summary>True when both are the same elements of one root.</summary>
    public bool Coincides(PlanValue other) => Memory == other.Memory && Start == other.Start && Length == other.Length;
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

    /// <summary>What the step writes into memory that it is given, beside or as its outputs.</summary>
    public List<PlanWrite> Writes { get; } = [];

    /// <summary>True when the step changes what outlives a run.</summary>
    public bool WritesVariable => Writes.Exists(write => write.After.Storage == Storage.Variable);

    /// <summary>Memory that the step wants for itself while it runs, in floats; set before the memory is planned.</summary>
    public long WorkspaceLength { get; set; }

    /// <summary>Where that memory is in the plan's arena, in floats, on a 64-byte boundary; negative when the step wants none.</summary>
    public long WorkspaceOffset { get; set; } = -1;

    /// <summary>True once a rewriting rule has put another step in its place.</summary>
    public bool IsReplaced { get; private set; }

    /// <summary>Says that the step turns one value into another in the same memory.</summary>
    public void AddWrite(PlanValue before, PlanValue after)
    {
        Writes.Add(new PlanWrite(before, after));
        after.Producer = this;
    }

    /// <summary>Lets the step read another value.</summary>
    public void Substitute(int input, PlanValue value)
    {
        Inputs[input].Consumers.Remove(this);
        Inputs[input] = value;
        value.Consumers.Add(this);
    }

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

/// <summary>An update in place: one value takes another's memory.</summary>
internal sealed class PlanWrite(PlanValue before, PlanValue after)
{
    public PlanValue Before { get; set; } = before;

    public PlanValue After { get; } = after;
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

    /// <summary>
    /// The value of each node that has one of its own; of the others, what their variable's memory holds after the run.
    /// </summary>
    public Dictionary<Node, PlanValue> ByNode { get; } = [];

    /// <summary>Adds a value with memory of its own, or a view.</summary>
    public PlanValue AddValue(Node node, Shape shape, Storage storage, PlanValue? @base = null, int start = 0)
    {
        var value = new PlanValue(node, shape, storage, @base, start);
        Values.Add(value);
        return value;
    }

    /// <summary>Adds a step that copies a value which is about to be updated, and returns the copy.</summary>
    public PlanValue Keep(PlanValue value, int order)
    {
        PlanValue copy = AddValue(value.Node, value.Shape, Storage.Computed);
        Steps.Add(new PlanStep(new Copy(), [value], [copy], order));
        return copy;
    }

    /// <summary>Lets a step read a copy where it read the value that was copied, or a view of it.</summary>
    public void Redirect(PlanStep step, int input, PlanValue copy)
    {
        PlanValue value = step.Inputs[input], written = value.Written;
        PlanValue shown = value == written
            ? copy
            : AddValue(value.Node, value.Shape, Storage.Computed, copy, value.Start - written.Start);
        step.Substitute(input, shown);
    }
}
