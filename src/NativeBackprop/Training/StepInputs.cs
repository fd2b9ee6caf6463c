using NativeBackprop.Ops;

namespace NativeBackprop.Training;

/// <summary>
/// The values that a step's inputs are bound to, in memory that all plans of the step read: whichever plan runs next, the values are
/// there. Nothing is changed by what is refused.
/// </summary>
internal sealed class StepInputs
{
    private readonly Dictionary<Node, StepInput> _inputs = [];
    private readonly List<StepInput> _all = [];

    /// <summary>Takes in every input that some nodes depend on.</summary>
    /// <exception cref="GraphException">A node belongs to another graph.</exception>
    public void Require(Graph graph, ReadOnlySpan<Node> nodes)
    {
        bool[] needed = graph.Needed(nodes);
        foreach (Node node in graph.Nodes)
        {
            if (node.Index < needed.Length && needed[node.Index] && node.Op is Input or Indices && !_inputs.ContainsKey(node))
            {
                var input = new StepInput(node);
                _inputs.Add(node, input);
                _all.Add(input);
            }
        }
    }

    /// <summary>The input of a node.</summary>
    /// <exception cref="GraphException">The step does not read the node, or it is of the other type.</exception>
    public StepInput Of(Node node, ElementType type)
    {
        ArgumentNullException.ThrowIfNull(node);
        return !_inputs.TryGetValue(node, out StepInput? input)
            ? throw new GraphException($"{node} is not an input that the step reads")
            : node.Op.ElementType == type ? input
            : throw new GraphException(type == ElementType.Int32
                ? $"{node} takes numbers, not class indices: use Bind"
                : $"{node} takes class indices, not numbers: use BindLabels");
    }

    /// <summary>True for an input, or a view of one, that was bound since the last run: no run has read what its memory holds.</summary>
    public bool IsFresh(Node node)
    {
        while (node.Op.IsView)
        {
            node = node.Inputs[0];
        }

        return _inputs.TryGetValue(node, out StepInput? input) && input.IsFresh;
    }

    /// <summary>The batch size that a number of values stands for; 0 for an input that does not depend on it.</summary>
    /// <exception cref="ShapeException">The number does not fit the input, or the inputs bound since the last run.</exception>
    public int RowsOf(StepInput input, int length)
    {
        (long row, int power) = input.Node.Shape.Count();
        if (power == 0)
        {
            return length == row ? 0 : throw new ShapeException(
                $"{input.Node} has the shape {input.Node.Shape} and needs {row} values, got {length}");
        }

        if (row == 0 || length == 0 || length % row != 0)
        {
            throw new ShapeException(
                $"{input.Node} has the shape {input.Node.Shape} and needs rows of {row} values, at least one, got {length}");
        }

        int rows = (int)(length / row);
        foreach (StepInput other in _all)
        {
            if (other != input && other.IsFresh && other.Rows > 0 && other.Rows != rows)
            {
                throw new ShapeException(
                    $"{input.Node}: a batch of {rows} does not fit that of {other.Rows} that {other.Node} is bound to");
            }
        }

        return rows;
    }

    /// <summary>The batch size that the next run has; 0 when no input depends on it.</summary>
    /// <exception cref="InvalidOperationException">An input is not bound, or not for this batch size.</exception>
    public int Rows()
    {
        StepInput? first = null;
        foreach (StepInput input in _all)
        {
            first = input.Rows > 0 && (first is null || (input.IsFresh && !first.IsFresh)) ? input : first;
        }

        foreach (StepInput input in _all)
        {
            if (!input.IsBound)
            {
                throw Refusal.InvalidOperation($"input {input.Node} is not bound: call {input.Call} before a run");
            }

            if (input.Rows > 0 && input.Rows != first!.Rows)
            {
                throw Refusal.InvalidOperation(
                    $"input {input.Node} is bound to a batch of {input.Rows}, {first.Node} to one of {first.Rows}: " +
                    $"call {input.Call} with {first.Rows} rows");
            }
        }

        return first?.Rows ?? 0;
    }

    /// <summary>Lets a plan read the values, if it does not already.</summary>
    public void Point(Plan plan)
    {
        foreach (StepInput input in _all)
        {
            if (input.ReadBy != plan)
            {
                plan.Point(input.Node, input.Memory!);
                input.ReadBy = plan;
            }
        }
    }

    /// <summary>A run has read the values: inputs bound from now on may have another batch size.</summary>
    public void EndRound()
    {
        foreach (StepInput input in _all)
        {
            input.IsFresh = false;
        }
    }
}

/// <summary>One input of a step and what it is bound to.</summary>
internal sealed class StepInput(Node node)
{
    public Node Node => node;

    /// <summary>Holds the values at its start; null before the first.</summary>
    public PinnedBuffer? Memory { get; private set; }

    /// <summary>The plan that was shown the memory last; null when none has been.</summary>
    public Plan? ReadBy { get; set; }

    /// <summary>The batch size of the values; 0 when the input does not depend on it.</summary>
    public int Rows { get; private set; }

    public bool IsBound { get; private set; }

    /// <summary>Bound since the last run.</summary>
    public bool IsFresh { get; set; }

    /// <summary>The method that binds it.</summary>
    public string Call => node.Op is Indices ? "BindLabels" : "Bind";

    /// <summary>The memory for new values, which are bound from now on: the caller fills it.</summary>
    public Span<float> Fill(int length, int rows)
    {
        // A source that watches over single values is to see where these end.
        if (Memory is null || Memory.Length < length || (Memory.Length > length && !MemorySource.Current.ReusesBlocks))
        {
            (Memory, ReadBy) = (new PinnedBuffer(length), null);
        }

        (Rows, IsBound, IsFresh) = (rows, true, true);
        return Memory.Span[..length];
    }
}
