using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// Repeats every pixel of an image [B, H, W, C] in a block of factor × factor: [B, factor·H, factor·W, C]; of a signal every place. The
/// gradient is the sum over the block. PyTorch's <c>nn.Upsample(scale_factor=factor)</c>, which takes the nearest.
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed class Upsample : Layer
{
    /// <param name="factor">How often a pixel stands in a row, and a row in the image; at least 1.</param>
    /// <exception cref="OptionException">The factor is below 1.</exception>
    public Upsample(int factor = 2) =>
        Factor = factor >= 1 ? factor : throw new OptionException($"an upsampling's factor must be at least 1, got {factor}");

    /// <summary>How often a pixel stands in a row, and a row in the image.</summary>
    public int Factor { get; }

    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context)
    {
        const string layer = "an upsampling";
        KindCheck.Require(input, context, layer, null, RowKind.Image, RowKind.Signal);
        Shape result = Enlarged(input.Shape, input.Shape.Rank - 2, context);
        bool isImage = input.Kind == RowKind.Image;
        if (isImage)
        {
            result = Enlarged(result, 1, context);
        }

        PoolWindow block = isImage ? new PoolWindow(Factor, Factor, Factor, Factor, 0, 0) : PoolWindow.OfSignal(Factor, Factor, 0);
        return PoolLayer.Add(new SumPoolGradient(block, 1, result), input, context, layer);
    }

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new Upsample(Factor);

    private Shape Enlarged(Shape shape, int axis, BuildContext context) => (long)shape[axis] * Factor is >= 0 and <= int.MaxValue
        ? shape.With(axis, shape[axis] * Factor)
        : throw new ShapeException($"{context.At}an upsampling by {Factor} of {shape} would have more than {int.MaxValue} elements");
}
