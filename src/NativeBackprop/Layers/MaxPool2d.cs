using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// The largest number in each window of an image [B, H, W, C], each channel by itself: [B, OH, OW, C] with
/// OH = ⌊(H + 2·padding − kernel)/stride⌋ + 1. The gradient goes to the first of the largest, row by row. PyTorch's
/// <c>nn.MaxPool2d</c>, channels last.
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed class MaxPool2d : Layer
{
    private readonly PoolWindow _window;

    /// <param name="kernel">Extents of a window, at least 1.</param>
    /// <param name="stride">From one window to the next, at least 1; the kernel when null.</param>
    /// <param name="padding">Around the image, at most half the kernel; 0 when null.</param>
    /// <exception cref="OptionException">A value is outside its domain.</exception>
    public MaxPool2d(Size2d kernel, Size2d? stride = null, Size2d? padding = null)
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
        KindCheck.Require(input, context, "a max pooling", null, RowKind.Image);
        return PoolLayer.Add(new MaxPool(_window), input, context, "a max pooling");
    }

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new MaxPool2d(Kernel, Stride, Padding);
}
