using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>The options of a layer that convolves, checked.</summary>
/// <param name="What">The layer in words, with its article: "a 2d convolution".</param>
/// <param name="IsSignal">True for signals, whose extents are heights.</param>
/// <param name="IsTransposed">True for the transpose of a convolution.</param>
/// <param name="Inputs">Channels of the input.</param>
/// <param name="Channels">Channels of the output.</param>
/// <param name="Kernel">Extents of the kernel.</param>
/// <param name="Stride">From one patch to the next.</param>
/// <param name="Padding">Zeros around the input.</param>
/// <param name="Dilation">From one place of a patch to the next.</param>
/// <param name="Groups">Groups of channels.</param>
/// <param name="HasBias">False leaves the bias out.</param>
/// <param name="OutputPadding">Of a transposed convolution: places added at the end of the output.</param>
/// <param name="WeightInitializer">He's normal distribution when null.</param>
/// <param name="BiasInitializer">Zeros when null.</param>
internal sealed record ConvolutionOptions(
    string What, bool IsSignal, bool IsTransposed, int Inputs, int Channels, Size2d Kernel, Size2d Stride, Padding Padding, Size2d Dilation,
    int Groups, bool HasBias, Size2d OutputPadding, Initializer? WeightInitializer, Initializer? BiasInitializer)
{
    /// <summary>
    /// The convolution, or the one that this is the transpose of. What the transpose adds at its end, the convolution leaves out there.
    /// </summary>
    /// <exception cref="OptionException">A value is outside its domain.</exception>
    public ConvolutionGeometry Geometry()
    {
        if (Inputs < 1 || Channels < 1)
        {
            throw new OptionException($"{What} needs at least 1 channel, got {Inputs} of input and {Channels} of output");
        }

        if (Groups < 1 || Inputs % Groups != 0 || Channels % Groups != 0)
        {
            throw new OptionException(
                $"the groups of {What} must divide its channels, got {Groups} for {Inputs} of input and {Channels} of output");
        }

        if (Padding.IsSame && Stride != 1)
        {
            throw new OptionException($"{What} with padding 'same' needs a stride of 1, got {Stride}");
        }

        Size2d padding = Padding.Size ?? 0;
        ConvolutionAxis y = Axis(Kernel.Height, Stride.Height, padding.Height, Dilation.Height, OutputPadding.Height);
        ConvolutionAxis x = IsSignal
            ? ConvolutionAxis.None
            : Axis(Kernel.Width, Stride.Width, padding.Width, Dilation.Width, OutputPadding.Width);
        return new ConvolutionGeometry(y, x, Groups);
    }

    /// <summary>
    /// The weights' shape, how many inputs an output depends on, and on how many outputs an input acts (of a transposed convolution the
    /// stride spreads the kernel over as many outputs).
    /// </summary>
    /// <exception cref="OptionException">There are more weights than memory holds.</exception>
    public (Shape Weight, int FanIn, int FanOut) Weight()
    {
        (int first, int last) = IsTransposed ? (Channels, Inputs) : (Inputs, Channels);
        int width = IsSignal ? 1 : Kernel.Width;
        long places = (long)Kernel.Height * width;
        if (places > int.MaxValue || (Int128)places * (first / Groups) * last > int.MaxValue)
        {
            throw new OptionException($"{What} has more than {int.MaxValue} weights");
        }

        Shape weight = IsSignal ? [Kernel.Height, first / Groups, last] : [Kernel.Height, width, first / Groups, last];
        long seen = IsTransposed ? Quotient(Kernel.Height, Stride.Height) * Quotient(width, IsSignal ? 1 : Stride.Width) : places;
        return (weight, (int)(seen * (Inputs / Groups)), (int)(places * (Channels / Groups)));
    }

    private static long Quotient(long a, long b) => (a + b - 1) / b;

    private ConvolutionAxis Axis(int kernel, int stride, int padding, int dilation, int extra)
    {
        var axis = new ConvolutionAxis(kernel, stride, padding, padding, dilation);
        if (axis.Error() is { } error)
        {
            throw new OptionException($"{What}: {error}");
        }

        if (extra < 0 || (extra > 0 && extra >= Math.Max(stride, dilation)))
        {
            throw new OptionException($"{What}: an output padding must be below its stride or its dilation, got {extra}");
        }

        if (Padding.IsSame)
        {
            long around = axis.Span - 1;
            return around <= int.MaxValue
                ? axis with { Before = (int)(around / 2), After = (int)(around - (around / 2)) }
                : throw new OptionException($"{What}: a kernel of {kernel} with a dilation of {dilation} is too large");
        }

        return axis with { After = padding - extra };
    }
}
