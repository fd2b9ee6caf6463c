using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// What <see cref="Conv1d"/>, <see cref="Conv2d"/> and <see cref="ConvTranspose2d"/> have in common: the options, which mean what PyTorch's
/// mean, and the parameters <c>weight</c> and <c>bias</c> [channels].
/// </summary>
/// <remarks>Thread safety: as that of every <see cref="Layer"/>.</remarks>
public abstract class ConvolutionLayer : Layer
{
    private protected ConvolutionLayer(ConvolutionOptions options)
    {
        Options = options;
        Geometry = options.Geometry();
        (Shape weight, int fanIn, int fanOut) = options.Weight();
        Weight = AddParameter("weight", weight, options.WeightInitializer ?? Initializer.He(), fanIn, fanOut);
        Weight.FileOrder = [.. Enumerable.Range(0, weight.Rank).Reverse()];
        if (weight.Rank == 4)
        {
            // Height before width here and there.
            Weight.FileOrder = [3, 2, 0, 1];
        }

        Bias = options.HasBias
            ? AddParameter("bias", [options.Channels], options.BiasInitializer ?? Initializer.Constant(), fanIn, fanOut)
            : null;
    }

    /// <summary>Channels of the input.</summary>
    public int Inputs => Options.Inputs;

    /// <summary>Channels of the output.</summary>
    public int Channels => Options.Channels;

    /// <summary>Into how many groups the channels are divided, each of which sees only its own.</summary>
    public int Groups => Options.Groups;

    /// <summary>
    /// The weights: [KH, KW, inputs/groups, channels], of signals [K, inputs/groups, channels], and of a transposed convolution
    /// [KH, KW, channels/groups, inputs].
    /// </summary>
    public Parameter Weight { get; }

    /// <summary>The number added to each channel, [channels], or null.</summary>
    public Parameter? Bias { get; }

    internal ConvolutionOptions Options { get; }

    private protected ConvolutionGeometry Geometry { get; }

    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context)
    {
        KindCheck.Require(input, context, Options.What, Inputs, Options.IsSignal ? RowKind.Signal : RowKind.Image);
        Node weight = context.Variable(Weight), product;
        try
        {
            product = Convolve(input, weight);
        }
        catch (ShapeException e)
        {
            throw new ShapeException($"{context.At}{Options.What}: {e.Message}", e);
        }

        return Bias is null ? product : product + context.Variable(Bias);
    }

    private protected abstract Node Convolve(Node input, Node weight);
}
