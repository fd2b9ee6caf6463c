using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// A convolution of signals, [B, L, inputs] to [B, OL, channels], plus a bias: PyTorch's <c>nn.Conv1d</c>, channels last; the extents are
/// those of <see cref="Conv2d"/>.
/// </summary>
/// <remarks>Thread safety: as that of every <see cref="Layer"/>.</remarks>
public sealed class Conv1d : ConvolutionLayer
{
    /// <param name="inputs">Channels of the input, at least 1.</param>
    /// <param name="channels">Channels of the output, at least 1.</param>
    /// <param name="kernel">Length of the kernel, at least 1.</param>
    /// <param name="stride">From one patch to the next, at least 1.</param>
    /// <param name="padding">Zeros before and after the input; <see cref="Layers.Padding.Same"/> needs a stride of 1.</param>
    /// <param name="dilation">From one place of a patch to the next, at least 1.</param>
    /// <param name="groups">Into how many groups the channels are divided; it divides both.</param>
    /// <param name="bias">False leaves the bias out.</param>
    /// <param name="weightInitializer">He's normal distribution when null.</param>
    /// <param name="biasInitializer">Zeros when null.</param>
    /// <exception cref="OptionException">A value is outside its domain.</exception>
    public Conv1d(
        int inputs, int channels, int kernel, int stride = 1, Padding padding = default, int dilation = 1, int groups = 1, bool bias = true,
        Initializer? weightInitializer = null, Initializer? biasInitializer = null)
        : this(new ConvolutionOptions(
            "a 1d convolution", true, false, inputs, channels, kernel, stride, OfSignal(padding), dilation, groups, bias, 0,
            weightInitializer, biasInitializer))
    {
    }

    private Conv1d(ConvolutionOptions options)
        : base(options)
    {
    }

    /// <summary>Length of the kernel.</summary>
    public int Kernel => Options.Kernel.Height;

    /// <summary>From one patch to the next.</summary>
    public int Stride => Options.Stride.Height;

    /// <summary>Zeros before and after the input.</summary>
    public Padding Padding => Options.Padding;

    /// <summary>From one place of a patch to the next.</summary>
    public int Dilation => Options.Dilation.Height;

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new Conv1d(Options);

    private protected override Node Convolve(Node input, Node weight) => input.Convolve(weight, Geometry);

    private static Padding OfSignal(Padding padding) => padding.Size is { } size && size.Height != size.Width
        ? throw new OptionException($"a 1d convolution has one padding, got {padding}")
        : padding;
}
