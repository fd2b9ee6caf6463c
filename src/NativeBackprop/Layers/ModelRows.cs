using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// A model's input in a graph, between the order of the data and that of the graph: whoever trains, predicts or checks binds
/// <see cref="Leaf"/> and reads what <see cref="Build"/> gives, both in the order that the rows are said to have.
/// </summary>
internal sealed class ModelRows
{
    private readonly RowShape _shape;

    /// <param name="graph">Where the input goes.</param>
    /// <param name="shape">What a row is.</param>
    public ModelRows(Graph graph, RowShape shape) => (_shape, (Leaf, Rows)) = (shape, graph.InputRows("x", shape));

    /// <summary>What is bound: numbers, or indices.</summary>
    public Node Leaf { get; }

    /// <summary>The rows as a model reads them, channels last.</summary>
    public Node Rows { get; }

    /// <summary>Numbers, or indices, of a row.</summary>
    public int Length => _shape.Length;

    /// <summary>True when a row is indices.</summary>
    public bool AreIndices => _shape.Kind == RowKind.Indices;

    /// <summary>What a row of a model's input is.</summary>
    /// <param name="model">The model.</param>
    /// <param name="width">What a row of a model is that takes features of any width; null when nothing says so.</param>
    /// <exception cref="GraphException">Neither is known.</exception>
    public static RowShape Of(Layer model, int? width = null) => model.InputRow
        ?? (width is { } features ? RowShape.Features(features) : throw new GraphException(
            "the model's input is not known: no layer fixes its width, and no Sequential was made with a RowShape"));

    /// <summary>The model's output, with its channels first where those of the input are.</summary>
    public Node Build(Layer model, BuildContext context)
    {
        Node output = model.Build(Rows, context);
        return !_shape.IsChannelsFirst ? output : output.Kind switch
        {
            RowKind.Image => output.Transpose(0, 3, 1, 2),
            RowKind.Signal => output.Transpose(0, 2, 1),
            _ => output,
        };
    }
}
