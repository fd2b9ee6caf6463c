using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// A convolution of images, [B, H, W, inputs] to [B, OH, OW, channels] with
/// OH = ⌊(H + 2·padding − dilation·(kernel − 1) − 1)/stride⌋ + 1, plus a bias: PyTorch's <c>nn.Conv2d</c>, channels last. Each
/// output is the sum over a patch of the input times the weights, without a flip (Goodfellow et al. 2016, chapter 9).
/// </summary>
/// <remarks>Thread safety: as that of every <see cref="Layer"/>.</remarks>
public sealed class Conv2d : ConvolutionLayer
{
    /// <param name="inputs">Channels of the input, at least 1.</param>
    /// <param name="channels">Channels of the output, at least 1.</param>
    /// <param name="kernel">Extents of the kernel, at least 1.</param>
    /// <param name="stride">From one patch to the next, at least 1; 1 when null.</param>
    /// <param name="padding">Zeros around the input; <see cref="Layers.Padding.Same"/> needs a stride of 1.</param>
    /// <param name="dilation">From one place of a patch to the next, at least 1; 1 when null.</param>
    /// <param name="groups">Into how many groups the channels are divided; it divides both. As many as channels: a depthwise one.</param>
    /// <param name="bias">False leaves the bias out.</param>
    /// <param name="weightInitializer">He's normal distribution when null.</param>
    /// <param name="biasInitializer">Zeros when null.</param>
    /// <exception cref="OptionException">A value is outside its domain.</exception>
    public Conv2d(
        int inputs, int channels, Size2d kernel, Size2d? stride = null, Padding padding = default, Size2d? dilation = null, int groups = 1,
        bool bias = true, Initializer? weightInitializer = null, Initializer? biasInitializer = null)
        : this(new ConvolutionOptions(
            "a 2d convolution", false, false, inputs, channels, kernel, stride ?? 1, padding, dilation ?? 1, groups, bias, 0,
            weightInitializer, biasInitializer))
    {
    }

    private Conv2d(ConvolutionOptions options)
        : base(options)
    {
    }

    /// <summary>Extents of the kernel.</summary>
    public Size2d Kernel => Options.Kernel;

    /// <summary>From one patch to the next.</summary>
    public Size2d Stride => Options.Stride;

    /// <summary>Zeros around the input.</summary>
    public Padding Padding => Options.Padding;

    /// <summary>From one place of a patch to the next.</summary>
    public Size2d Dilation => Options.Dilation;

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new Conv2d(Options);

    private protected override Node Convolve(Node input, Node weight) => input.Convolve(weight, Geometry);
}
