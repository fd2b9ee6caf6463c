using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// x + f(x) for layers f that keep the width: a skip connection, along which a gradient reaches the layers near the input undiminished
/// (lecture notes 002, architectural considerations; He et al. 2016). Parameters are named by position in f: <c>0.weight</c>.
/// </summary>
/// <param name="layers">f.</param>
public sealed class Residual(params ReadOnlySpan<Layer> layers) : Layer
{
    private readonly Sequential _branch = new(layers);

    /// <summary>The layers of f.</summary>
    public IReadOnlyList<Layer> Layers => _branch.Layers;

    /// <inheritdoc/>
    protected internal override IEnumerable<Parameter> OwnParameters => _branch.OwnParameters;

    /// <inheritdoc/>
    protected internal override IEnumerable<Parameter> OwnState => _branch.OwnState;

    /// <inheritdoc/>
    protected internal override int? InputWidth => _branch.InputWidth;

    /// <inheritdoc/>
    public override Node Build(Node input, BuildMode mode)
    {
        Node output = _branch.Build(input, mode);
        return output.Shape.Equals(input.Shape)
            ? input + output
            : throw new ShapeException($"residual: the layers must keep the shape {input.Shape} of {input}, got {output.Shape}");
    }

    /// <inheritdoc/>
    protected internal override void Initialize(RandomSource random) => _branch.Initialize(random);

    /// <inheritdoc/>
    protected internal override void Reseed(RandomSource random) => _branch.Reseed(random);
}

/// <summary>
/// f(x) ⊙ g(x), the elementwise product of two branches: a multiplicative network, in which one branch opens and shuts the other
/// (lecture notes 003). Parameters: <c>layers.0.weight</c> and so on for f, <c>gate.0.weight</c> for g.
/// </summary>
public sealed class Gated : Layer
{
    private readonly Sequential _layers, _gate;

    /// <param name="layers">f.</param>
    /// <param name="gate">g, of the same output width.</param>
    public Gated(IEnumerable<Layer> layers, IEnumerable<Layer> gate)
    {
        (_layers, _gate) = (new Sequential([.. layers]), new Sequential([.. gate]));
        Prefix("layers", _layers);
        Prefix("gate", _gate);
    }

    /// <summary>The layers of f.</summary>
    public IReadOnlyList<Layer> Layers => _layers.Layers;

    /// <summary>The layers of g.</summary>
    public IReadOnlyList<Layer> Gate => _gate.Layers;

    /// <inheritdoc/>
    protected internal override IEnumerable<Parameter> OwnParameters => _layers.OwnParameters.Concat(_gate.OwnParameters);

    /// <inheritdoc/>
    protected internal override IEnumerable<Parameter> OwnState => _layers.OwnState.Concat(_gate.OwnState);

    /// <inheritdoc/>
    protected internal override int? InputWidth => InputWidthFor(null);

    /// <inheritdoc/>
    public override Node Build(Node input, BuildMode mode)
    {
        Node value = _layers.Build(input, mode), gate = _gate.Build(input, mode);
        return value.Shape.Equals(gate.Shape)
            ? value * gate
            : throw new ShapeException($"gated: both branches must have the same output shape, got {value.Shape} from the layers and {gate.Shape} from the gate");
    }

    /// <inheritdoc/>
    protected internal override void Initialize(RandomSource random)
    {
        _layers.Initialize(random);
        _gate.Initialize(random);
    }

    /// <inheritdoc/>
    protected internal override void Reseed(RandomSource random)
    {
        _layers.Reseed(random.Split(0));
        _gate.Reseed(random.Split(1));
    }

    /// <inheritdoc/>
    protected internal override int? InputWidthFor(int? outputWidth) => _layers.InputWidth ?? _gate.InputWidth ?? _layers.InputWidthFor(outputWidth);
}
