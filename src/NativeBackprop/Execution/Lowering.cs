using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>
/// Turns the part of a graph that some outputs need into a program, its steps in order of creation. What a variable holds before its
/// first update, and after each, are values of their own in one memory, so that a step says which of them it reads;
/// <see cref="StepOrder"/> keeps to it. Updates that the outputs do not need do not happen.
/// </summary>
internal sealed class Lowering
{
    private readonly PlanProgram _program = new();
    private readonly int? _batchSize;

    // What each variable holds from a position in creation order on, and what views show of it.
    private readonly Dictionary<Node, List<(int From, PlanValue Value)>> _held = [];
    private readonly Dictionary<(Node View, PlanValue Held), PlanValue> _shown = [];

    private Lowering(int? batchSize) => _batchSize = batchSize;

    public static PlanProgram Lower(Graph graph, ReadOnlySpan<Node> outputs, int? batchSize)
    {
        var lowering = new Lowering(batchSize);
        bool[] needed = graph.Needed(outputs);
        foreach (Node node in graph.Nodes)
        {
            if (needed[node.Index])
            {
                lowering.Add(node);
            }
        }

        foreach (Node output in outputs)
        {
            lowering._program.ByNode[output].IsOutput = true;
        }

        return lowering._program;
    }

    private void Add(Node node)
    {
        bool hasStep = node.Op is not Leaf && !node.Op.IsView;
        bool reads = hasStep || node.Variable is null;
        PlanValue[] inputs = reads ? [.. node.Inputs.ToArray().Select(input => Read(input, node.ReadTime))] : [];
        bool isConstant = reads && node.Op.IsPure && node.Op is not Leaf
            && Array.TrueForAll(inputs, input => input.Storage == Storage.Constant);
        var after = new PlanValue?[inputs.Length];
        for (int i = 0; hasStep && i < inputs.Length; i++)
        {
            after[i] = node.Op.Updates(i) ? Write(node, i) : null;
        }

        PlanValue result = ResultOf(node, isConstant, inputs, after);
        if (hasStep)
        {
            var step = new PlanStep(node.Op, inputs, [result], node.Index);
            (isConstant ? _program.ConstantSteps : _program.Steps).Add(step);
            for (int i = 0; i < inputs.Length; i++)
            {
                if (after[i] is { } value)
                {
                    step.AddWrite(inputs[i].Written, value);
                }
            }
        }
    }

    // Makes what the node is for those who read it, and for the caller. The two differ for the result of an update: a caller who asks for
    // it is shown the variable, whatever else the run does to it.
    private PlanValue ResultOf(Node node, bool isConstant, PlanValue[] inputs, PlanValue?[] after)
    {
        Shape shape = ShapeOf(node);
        PlanValue value;
        if (node.Op.IsTransparent || node.Op.IsView)
        {
            PlanValue @base = node.Variable is null ? inputs[0] : _program.ByNode[node.Inputs[0]];
            value = _program.AddValue(node, shape, @base.Storage, @base, node.Op.IsView ? node.Op.ViewStart(@base.Shape) : 0);
        }
        else
        {
            value = _program.AddValue(node, shape, node.Op switch
            {
                Variable => Storage.Variable,
                Input or Indices => Storage.Input,
                Leaf => throw Refusal.InvalidOperation($"{node} is a stand-in that no result may need"),
                _ => isConstant ? Storage.Constant : Storage.Computed,
            });
            if (node.Op is Variable)
            {
                _held.Add(node, [(-1, value)]);
            }
        }

        _program.ByNode.Add(node, value);
        if (node.Variable is null || after is not [{ } written, ..])
        {
            return value;
        }

        PlanValue shown = Show(node.Inputs[0], written);
        return shown == written ? written : _program.AddValue(node, shape, Storage.Variable, shown);
    }

    // The value that a node which reads at some time gets.
    private PlanValue Read(Node input, int time) => input.Variable is { } variable
        ? Show(input, _held[variable].FindLast(held => held.From < time).Value)
        : _program.ByNode[input];

    // What a variable holds once a node has updated it.
    private PlanValue Write(Node node, int input)
    {
        Node variable = node.Inputs[input].Variable!;
        List<(int From, PlanValue Value)> held = _held[variable];
        PlanValue memory = held[0].Value;
        held.Add((node.Index, _program.AddValue(input == 0 ? node : variable, memory.Shape, Storage.Variable, memory)));
        return held[^1].Value;
    }

    // What a node that stands for a variable shows of one of its values.
    private PlanValue Show(Node node, PlanValue held)
    {
        // Down to the variable and up again: views of views may be many.
        var views = new Stack<Node>();
        for (; node != node.Variable; node = node.Inputs[0])
        {
            if (node.Op.IsView)
            {
                views.Push(node);
            }
        }

        PlanValue value = held;
        while (views.TryPop(out Node? view))
        {
            if (!_shown.TryGetValue((view, held), out PlanValue? shown))
            {
                shown = _program.AddValue(view, ShapeOf(view), Storage.Variable, value, view.Op.ViewStart(value.Shape));
                _shown.Add((view, held), shown);
            }

            value = shown;
        }

        return value;
    }

    private Shape ShapeOf(Node node) => !node.Shape.IsSymbolic ? node.Shape : node.Shape.Resolve(_batchSize
        ?? throw new GraphException($"{node} has the shape {node.Shape}: compiling it needs PlanOptions.BatchSize"));
}
