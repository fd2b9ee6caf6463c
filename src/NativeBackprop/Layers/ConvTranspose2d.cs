using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// The transpose of a convolution of images, [B, H, W, inputs] to [B, OH, OW, channels] with
/// OH = (H − 1)·stride − 2·padding + dilation·(kernel − 1) + output padding + 1, plus a bias: PyTorch's <c>nn.ConvTranspose2d</c>,
/// channels last. Each pixel of the input is spread over a patch of the output, times the weights: the input gradient of a convolution
/// (Dumoulin and Visin 2016).
/// </summary>
/// <remarks>Thread safety: as that of every <see cref="Layer"/>.</remarks>
public sealed class ConvTranspose2d : ConvolutionLayer
{
    /// <param name="inputs">Channels of the input, at least 1.</param>
    /// <param name="channels">Channels of the output, at least 1.</param>
    /// <param name="kernel">Extents of the kernel, at least 1.</param>
    /// <param name="stride">From one patch of the output to the next, at least 1; 1 when null.</param>
    /// <param name="padding">What is cut off around the output; not <see cref="Layers.Padding.Same"/>.</param>
    /// <param name="dilation">From one place of a patch to the next, at least 1; 1 when null.</param>
    /// <param name="groups">Into how many groups the channels are divided; it divides both.</param>
    /// <param name="bias">False leaves the bias out.</param>
    /// <param name="outputPadding">Rows and columns added at the end of the output, fewer than the stride or the dilation.</param>
    /// <param name="weightInitializer">He's normal distribution when null.</param>
    /// <param name="biasInitializer">Zeros when null.</param>
    /// <exception cref="OptionException">A value is outside its domain.</exception>
    public ConvTranspose2d(
        int inputs, int channels, Size2d kernel, Size2d? stride = null, Padding padding = default, Size2d? dilation = null, int groups = 1,
        bool bias = true, Size2d outputPadding = default, Initializer? weightInitializer = null, Initializer? biasInitializer = null)
        : this(new ConvolutionOptions(
            "a transposed 2d convolution", false, true, inputs, channels, kernel, stride ?? 1, NotSame(padding), dilation ?? 1, groups,
            bias, outputPadding, weightInitializer, biasInitializer))
    {
    }

    private ConvTranspose2d(ConvolutionOptions options)
        : base(options)
    {
    }

    /// <summary>Extents of the kernel.</summary>
    public Size2d Kernel => Options.Kernel;

    /// <summary>From one patch of the output to the next.</summary>
    public Size2d Stride => Options.Stride;

    /// <summary>What is cut off around the output.</summary>
    public Padding Padding => Options.Padding;

    /// <summary>From one place of a patch to the next.</summary>
    public Size2d Dilation => Options.Dilation;

    /// <summary>Rows and columns added at the end of the output.</summary>
    public Size2d OutputPadding => Options.OutputPadding;

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new ConvTranspose2d(Options);

    private protected override Node Convolve(Node input, Node weight) => input.ConvolveTransposed(weight, Geometry);

    private static Padding NotSame(Padding padding) => padding.IsSame
        ? throw new OptionException("a transposed 2d convolution cannot have the padding 'same'")
        : padding;
}
