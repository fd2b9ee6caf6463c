using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// x + f(x) for layers f that keep the shape: a skip connection, along which a gradient reaches the layers near the input undiminished
/// (lecture notes 002, architectural considerations; He et al. 2016). Where f does not keep it, other layers s bring x into its shape:
/// s(x) + f(x).
/// </summary>
/// <remarks>
/// <para>Parameters are named by position in f: <c>0.weight</c>. With layers on both ways they are <c>layers.0.weight</c> and
/// <c>skip.0.weight</c>.</para>
/// <para>Thread safety: as that of every <see cref="Layer"/>.</para>
/// </remarks>
public sealed class Residual : Layer
{
    private const string LayersName = "layers", SkipName = "skip";

    private readonly Sequential _branch;
    private readonly Sequential? _skip;

    /// <param name="layers">f.</param>
    public Residual(params ReadOnlySpan<Layer> layers)
    {
        _branch = new Sequential(layers);
        for (int i = 0; i < layers.Length; i++)
        {
            AddChild($"{i}", layers[i]);
        }
    }

    /// <param name="layers">f.</param>
    /// <param name="skip">s, whose output has the shape of f's.</param>
    public Residual(ReadOnlySpan<Layer> layers, ReadOnlySpan<Layer> skip)
    {
        _branch = AddChild(LayersName, new Sequential(layers));
        _skip = AddChild(SkipName, new Sequential(skip));
    }

    private Residual(Sequential branch, Sequential skip) =>
        (_branch, _skip) = (AddChild(LayersName, branch), AddChild(SkipName, skip));

    /// <summary>The layers of f.</summary>
    public IReadOnlyList<Layer> Layers => _branch.Layers;

    /// <summary>The layers of s, or null where x goes by as it is.</summary>
    public IReadOnlyList<Layer>? Skip => _skip?.Layers;

    /// <inheritdoc/>
    public override int? InputWidthFor(int? outputWidth) => _skip is null
        ? _branch.InputWidthFor(outputWidth)
        : _branch.InputWidth ?? _skip.InputWidth ?? _branch.InputWidthFor(outputWidth);

    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context)
    {
        // Without a skip the branch's layers are this layer's own children, so they are built at its path.
        Node output = _branch.Build(input, _skip is null ? context : context.Child(LayersName));
        Node skip = _skip?.Build(input, context.Child(SkipName)) ?? input;
        return output.Shape.Equals(skip.Shape) ? skip + output : throw new ShapeException(_skip is null
            ? $"{context.At}residual: the layers must keep the shape {input.Shape} of {input}, got {output.Shape}"
            : $"{context.At}residual: both ways must have the same output shape, got {output.Shape} from the layers and {skip.Shape} "
                + "from the skip");
    }

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => _skip is null
        ? new Residual([.. Layers.Select(context.Copy)])
        : new Residual(context.Copy(_branch), context.Copy(_skip));
}
