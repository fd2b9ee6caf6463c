using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// f(x) ⊙ g(x), the elementwise product of two branches: a multiplicative network, in which one branch opens and shuts the other
/// (lecture notes 003). Parameters: <c>layers.0.weight</c> and so on for f, <c>gate.0.weight</c> for g.
/// </summary>
/// <remarks>Thread safety: as that of every <see cref="Layer"/>.</remarks>
public sealed class Gated : Layer
{
    private const string LayersName = "layers", GateName = "gate";

    private readonly Sequential _layers, _gate;

    /// <param name="layers">f.</param>
    /// <param name="gate">g, of the same output width.</param>
    public Gated(IEnumerable<Layer> layers, IEnumerable<Layer> gate)
    {
        ArgumentNullException.ThrowIfNull(layers);
        ArgumentNullException.ThrowIfNull(gate);
        _layers = AddChild(LayersName, new Sequential([.. layers]));
        _gate = AddChild(GateName, new Sequential([.. gate]));
    }

    private Gated(Sequential layers, Sequential gate) => (_layers, _gate) = (AddChild(LayersName, layers), AddChild(GateName, gate));

    /// <summary>The layers of f.</summary>
    public IReadOnlyList<Layer> Layers => _layers.Layers;

    /// <summary>The layers of g.</summary>
    public IReadOnlyList<Layer> Gate => _gate.Layers;

    /// <inheritdoc/>
    public override int? InputWidthFor(int? outputWidth) => _layers.InputWidth ?? _gate.InputWidth ?? _layers.InputWidthFor(outputWidth);

    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context)
    {
        Node value = _layers.Build(input, context.Child(LayersName)), gate = _gate.Build(input, context.Child(GateName));
        return value.Shape.Equals(gate.Shape) ? value * gate : throw new ShapeException(
            $"{context.At}gated: both branches must have the same output shape, " +
            $"got {value.Shape} from the layers and {gate.Shape} from the gate");
    }

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new Gated(context.Copy(_layers), context.Copy(_gate));
}
