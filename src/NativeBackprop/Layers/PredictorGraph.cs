using System.Runtime.InteropServices;
using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>A model as it computes when it is not trained: one graph from inputs to outputs.</summary>
internal sealed class PredictorGraph
{
    private readonly Layer _model;
    private readonly bool[] _needed;

    /// <exception cref="GraphException">What a row of the model's input is is not known, or a user's code failed.</exception>
    /// <exception cref="ShapeException">The layers do not fit one another.</exception>
    public PredictorGraph(Layer model)
    {
        _model = model;
        var rows = new ModelRows(Graph, ModelRows.Of(model));
        (Input, InputLength) = (rows.Leaf, rows.Length);
        Output = rows.Build(model, new BuildContext(Graph, BuildMode.Evaluation, seed: 0));
        if (Output.Shape.Rank == 0 || Output.Shape[0] != Shape.Batch || Output.Shape.Without(0).IsSymbolic)
        {
            throw new ShapeException($"a predictor needs an output of a row for each example, of the shape [B, ...], got {Output.Shape}");
        }

        _needed = Graph.Needed(Output);
        Variables = [.. Graph.Nodes.Where(node => node.Op is Variable && _needed[node.Index])];
    }

    public Graph Graph { get; } = new();

    public Node Input { get; }

    /// <summary>True when a row is indices.</summary>
    public bool TakesIndices => Input.Op.ElementType == ElementType.Int32;

    /// <summary>Numbers, or indices, of a row of input.</summary>
    public int InputLength { get; }

    public Node Output { get; }

    /// <summary>The parameters and buffers that the output depends on, in the graph's order.</summary>
    public Node[] Variables { get; }

    /// <summary>Checks that another model computes the same function of its values, node by node.</summary>
    /// <exception cref="ShapeException">It does not; the message names the first node that differs.</exception>
    public void RequireSame(PredictorGraph other)
    {
        Node[] mine = Nodes(), theirs = other.Nodes();
        var position = new Dictionary<Node, int>();
        for (int i = 0; i < Math.Max(mine.Length, theirs.Length); i++)
        {
            if (i >= mine.Length || i >= theirs.Length || !AreSame(mine[i], theirs[i], position, _model == other._model))
            {
                throw new ShapeException("the model has another structure than the one that the predictor was made for: "
                    + $"expected {Describe(mine, i)}, got {Describe(theirs, i)}");
            }

            (position[mine[i]], position[theirs[i]]) = (i, i);
        }
    }

    private Node[] Nodes() => [.. Graph.Nodes.Where(node => _needed[node.Index])];

    private static string Describe(Node[] nodes, int i) => i < nodes.Length ? $"{nodes[i]} {nodes[i].Shape}" : "no more";

    private static bool AreSame(Node a, Node b, Dictionary<Node, int> position, bool isSameModel)
    {
        bool isSame = a.Shape.Equals(b.Shape) && a.Inputs.Length == b.Inputs.Length && (a.Op, b.Op) switch
        {
            (Variable, Variable) => true,
            (Constant c, Constant d) => MemoryMarshal.AsBytes(c.Values).SequenceEqual(MemoryMarshal.AsBytes(d.Values)),

            // A layer may make its user's op anew each time it is built.
            (CustomForward f, CustomForward g) =>
                f.Equals(g) || (isSameModel && f.Function.GetType() == g.Function.GetType()),
            _ => a.Op.Equals(b.Op),
        };
        for (int k = 0; isSame && k < a.Inputs.Length; k++)
        {
            isSame = position[a.Inputs[k]] == position[b.Inputs[k]];
        }

        return isSame;
    }
}
