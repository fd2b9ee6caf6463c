using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// x + f(x) for layers f that keep the width: a skip connection, along which a gradient reaches the layers near the input undiminished
/// (lecture notes 002, architectural considerations; He et al. 2016). Parameters are named by position in f: <c>0.weight</c>.
/// </summary>
/// <remarks>Thread safety: as that of every <see cref="Layer"/>.</remarks>
public sealed class Residual : Layer
{
    private readonly Sequential _branch;

    /// <param name="layers">f.</param>
    public Residual(params ReadOnlySpan<Layer> layers)
    {
        _branch = new Sequential(layers);
        for (int i = 0; i < layers.Length; i++)
        {
            AddChild($"{i}", layers[i]);
        }
    }

    /// <summary>The layers of f.</summary>
    public IReadOnlyList<Layer> Layers => _branch.Layers;

    /// <inheritdoc/>
    public override int? InputWidthFor(int? outputWidth) => _branch.InputWidthFor(outputWidth);

    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context)
    {
        // The branch's layers are this layer's own children, so they are built at its path.
        Node output = _branch.Build(input, context);
        return output.Shape.Equals(input.Shape) ? input + output : throw new ShapeException(
            $"{context.At}residual: the layers must keep the shape {input.Shape} of {input}, got {output.Shape}");
    }

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new Residual([.. Layers.Select(context.Copy)]);
}
