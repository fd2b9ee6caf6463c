using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// The mean of each window of an image [B, H, W, C], each channel by itself: [B, OH, OW, C] with
/// OH = ⌊(H + 2·padding − kernel)/stride⌋ + 1. The padding counts as zeros. PyTorch's <c>nn.AvgPool2d</c>, channels last.
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed class AvgPool2d : Layer
{
    private readonly PoolWindow _window;

    /// <param name="kernel">Extents of a window, at least 1.</param>
    /// <param name="stride">From one window to the next, at least 1; the kernel when null.</param>
    /// <param name="padding">Around the image, at most half the kernel; 0 when null.</param>
    /// <exception cref="OptionException">A value is outside its domain.</exception>
    public AvgPool2d(Size2d kernel, Size2d? stride = null, Size2d? padding = null)
    {
        (Kernel, Stride, Padding) = (kernel, stride ?? kernel, padding ?? 0);
        _window = new PoolWindow(Kernel.Height, Kernel.Width, Stride.Height, Stride.Width, Padding.Height, Padding.Width);
    }

    /// <summary>Extents of a window.</summary>
    public Size2d Kernel { get; }

    /// <summary>From one window to the next.</summary>
    public Size2d Stride { get; }

    /// <summary>What stands around the image on every side.</summary>
    public Size2d Padding { get; }

    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context)
    {
        KindCheck.Require(input, context, "an average pooling", null, RowKind.Image);
        return PoolLayer.Add(new SumPool(_window, 1f / _window.Area), input, context, "an average pooling");
    }

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new AvgPool2d(Kernel, Stride, Padding);
}
