using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// The mean of each channel over all places: an image [B, H, W, C] or a signal [B, L, C] becomes features [B, C]. PyTorch's
/// <c>nn.AdaptiveAvgPool2d(1)</c>, or <c>1d</c>, and <c>nn.Flatten</c> behind it.
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed class GlobalAveragePool : Layer
{
    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context)
    {
        const string layer = "a global average pooling";
        KindCheck.Require(input, context, layer, null, RowKind.Image, RowKind.Signal);
        Shape x = input.Shape;
        int height = x.Rank == 4 ? x[1] : 1;
        var all = new PoolWindow(height, x[-2], height, x[-2], 0, 0);
        return PoolLayer.Add(new SumPool(all, 1f / all.Area), input, context, layer).Reshape([x[0], x[-1]]);
    }

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new GlobalAveragePool();
}
