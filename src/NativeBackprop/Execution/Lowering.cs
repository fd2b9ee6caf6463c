using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>Turns the part of a graph that some outputs need into a program, and orders its steps.</summary>
internal static class Lowering
{
    public static PlanProgram Lower(Graph graph, ReadOnlySpan<Node> outputs, int? batchSize)
    {
        var program = new PlanProgram();
        bool[] needed = Needed(graph, outputs);
        foreach (Node node in graph.Nodes)
        {
            if (needed[node.Index])
            {
                Add(program, node, batchSize);
            }
        }

        foreach (Node output in outputs)
        {
            program.ByNode[output].IsOutput = true;
        }

        return program;
    }

    /// <summary>
    /// Puts the steps into their final order: the first half first; otherwise as they were created, but an update as soon as what it reads
    /// is there and everybody has read the old value, while the gradient is still in cache. What only depends on updates (Adam's
    /// corrections on its step count) moves with them.
    /// </summary>
    public static void Schedule(PlanProgram program, Graph graph, IReadOnlyList<Node> first)
    {
        bool[] inFirst = first.Count == 0 ? [] : Needed(graph, [.. first]);
        var keys = new Dictionary<PlanStep, int>(program.Steps.Count);
        var moved = new HashSet<PlanStep>();
        Dictionary<PlanValue, int> readers = [], writers = [];
        foreach (PlanStep step in program.Steps.OrderBy(step => step.Order))
        {
            int key = step.Order;
            if (IsUpdate(step) || (step.Inputs.Length > 0 && step.Inputs.All(input => input.Producer is { } producer && moved.Contains(producer))))
            {
                key = Earliest(step, keys, readers, writers);
                moved.Add(step);
            }

            keys.Add(step, key);
            for (int i = 0; i < step.Inputs.Length; i++)
            {
                PlanValue memory = step.Inputs[i].Memory;
                readers[memory] = Math.Max(key, readers.GetValueOrDefault(memory, -1));
                if (step.Operation.Updates(i))
                {
                    writers[memory] = key;
                }
            }
        }

        bool IsFirst(PlanStep step) => inFirst.Length > 0 && step.Outputs.Any(output => output.Node.Index < inFirst.Length && inFirst[output.Node.Index]);
        program.Steps = [.. program.Steps
            .OrderBy(step => IsFirst(step) ? 0 : 1)
            .ThenBy(step => keys[step])
            .ThenBy(step => step.Order)];
        program.FirstSteps = program.Steps.Count(IsFirst);
        program.FirstCommitStep = Commit(0, program.FirstSteps);
        program.CommitStep = Commit(program.FirstSteps, program.Steps.Count);

        int Commit(int from, int to) => program.Steps.FindIndex(from, to - from, IsUpdate) is var at && at >= 0 ? at : to;
    }

    private static bool IsUpdate(PlanStep step) => Enumerable.Range(0, step.Inputs.Length).Any(step.Operation.Updates);

    // After everything that makes or updates an operand, and after every reader of what the step changes.
    private static int Earliest(PlanStep step, Dictionary<PlanStep, int> keys, Dictionary<PlanValue, int> readers, Dictionary<PlanValue, int> writers)
    {
        int key = -1;
        for (int i = 0; i < step.Inputs.Length; i++)
        {
            PlanValue input = step.Inputs[i];
            key = Math.Max(key, input.Producer is { } producer && keys.TryGetValue(producer, out int made) ? made : -1);
            key = Math.Max(key, writers.GetValueOrDefault(input.Memory, -1));
            key = Math.Max(key, step.Operation.Updates(i) ? readers.GetValueOrDefault(input.Memory, -1) : -1);
        }

        return key;
    }

    /// <summary>Which nodes of a graph some outputs need, by their positions.</summary>
    internal static bool[] Needed(Graph graph, ReadOnlySpan<Node> outputs)
    {
        var needed = new bool[graph.Nodes.Count];
        foreach (Node output in outputs)
        {
            needed[output.Index] = output.Graph == graph
                ? true
                : throw new GraphException($"{output} belongs to another graph");
        }

        for (int i = needed.Length - 1; i >= 0; i--)
        {
            if (needed[i])
            {
                foreach (Node input in graph.Nodes[i].Inputs)
                {
                    needed[input.Index] = true;
                }
            }
        }

        return needed;
    }

    private static void Add(PlanProgram program, Node node, int? batchSize)
    {
        Shape shape = node.Shape.IsSymbolic
            ? node.Shape.Resolve(batchSize ?? throw new GraphException($"{node} has the shape {node.Shape}: compiling it needs PlanOptions.BatchSize"))
            : node.Shape;
        PlanValue[] inputs = new PlanValue[node.Inputs.Length];
        bool isConstant = node.Op.IsPure && node.Op is not Leaf;
        for (int i = 0; i < inputs.Length; i++)
        {
            inputs[i] = program.ByNode[node.Inputs[i]];
            isConstant &= inputs[i].Storage == Storage.Constant;
        }

        Storage storage = node.Op switch
        {
            Variable => Storage.Variable,
            Input or Labels => Storage.Input,
            Leaf => throw new InvalidOperationException($"{node} is a stand-in that no result may need"),
            _ => isConstant ? Storage.Constant : Storage.Computed,
        };
        PlanValue? @base = node.Op.IsView || node.Op is Update ? inputs[0] : null;
        var value = new PlanValue(node, shape, storage, @base, node.Op.IsView ? node.Op.ViewStart(inputs[0].Shape) : 0);
        program.Values.Add(value);
        program.ByNode.Add(node, value);
        if (node.Op is not Leaf && !node.Op.IsView)
        {
            var step = new PlanStep(node.Op, inputs, [value], node.Index);
            (isConstant ? program.ConstantSteps : program.Steps).Add(step);
        }
    }
}
