using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// The largest number in each window of a signal [B, L, C], each channel by itself: [B, OL, C] with
/// OL = ⌊(L + 2·padding − kernel)/stride⌋ + 1. The gradient goes to the first of the largest. PyTorch's
/// <c>nn.MaxPool1d</c>, channels last.
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed class MaxPool1d : Layer
{
    private readonly PoolWindow _window;

    /// <param name="kernel">Length of a window, at least 1.</param>
    /// <param name="stride">From one window to the next, at least 1; the kernel when null.</param>
    /// <param name="padding">Before and after the signal, at most half the kernel.</param>
    /// <exception cref="OptionException">A value is outside its domain.</exception>
    public MaxPool1d(int kernel, int? stride = null, int padding = 0)
    {
        (Kernel, Stride, Padding) = (kernel, stride ?? kernel, padding);
        _window = PoolWindow.OfSignal(Kernel, Stride, Padding);
    }

    /// <summary>Length of a window.</summary>
    public int Kernel { get; }

    /// <summary>From one window to the next.</summary>
    public int Stride { get; }

    /// <summary>What stands before and after the signal.</summary>
    public int Padding { get; }

    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context)
    {
        KindCheck.Require(input, context, "a 1d max pooling", null, RowKind.Signal);
        return PoolLayer.Add(new MaxPool(_window), input, context, "a 1d max pooling");
    }

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new MaxPool1d(Kernel, Stride, Padding);
}
