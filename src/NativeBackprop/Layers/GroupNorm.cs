using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// y = (x − mean)/√(variance + ε) ⊙ weight + bias for features [B, C], a signal [B, L, C] or an image [B, H, W, C], with mean and
/// biased variance over the places and neighbouring channels of a group, in each row by itself (Wu and He 2018): PyTorch's
/// <c>nn.GroupNorm</c>. Parameters: <c>weight</c> [C], ones at first, and <c>bias</c> [C], zeros at first.
/// </summary>
/// <remarks>Thread safety: as that of every <see cref="Layer"/>.</remarks>
public sealed class GroupNorm : Layer
{
    /// <param name="groups">Into how many groups the channels are divided; it divides them.</param>
    /// <param name="channels">Channels or features of the input, at least 1.</param>
    /// <param name="epsilon">ε, above 0, which bounds what constant groups are divided by.</param>
    /// <exception cref="OptionException">A value is outside its domain.</exception>
    public GroupNorm(int groups, int channels, float epsilon = 1e-5f)
    {
        if (groups < 1 || channels < 1 || channels % groups != 0)
        {
            throw new OptionException(
                $"a group norm needs groups that divide its channels, at least 1, got {groups} groups of {channels} channels");
        }

        (Groups, Epsilon) = (groups, Channels.Positive("a group norm", epsilon));
        Weight = AddParameter("weight", [channels], Initializer.Constant(1));
        Bias = AddParameter("bias", [channels], Initializer.Constant());
    }

    /// <summary>Into how many groups the channels are divided.</summary>
    public int Groups { get; }

    /// <summary>ε.</summary>
    public float Epsilon { get; }

    /// <summary>The scale of each channel.</summary>
    public Parameter Weight { get; }

    /// <summary>The offset of each channel.</summary>
    public Parameter Bias { get; }

    /// <inheritdoc/>
    public override int? InputWidthFor(int? outputWidth) => Weight.Shape[0];

    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context)
    {
        int channels = Weight.Shape[0];
        KindCheck.Require(input, context, "a group norm", channels, RowKind.Features, RowKind.Signal, RowKind.Image);
        Shape x = input.Shape;
        Node rows = input.Reshape([x[0], x.Product(1, x.Rank - 2), Groups, channels / Groups]);
        Node centred = rows - Mean(rows);
        Node normal = centred * (Mean(centred.Square()) + Epsilon).Power(-0.5f);
        Node scaled = (normal.Reshape(x) * context.Variable(Weight)) + context.Variable(Bias);
        return scaled.Kind == input.Kind ? scaled : context.Graph.Add(new AsKind(RowKind.Signal), scaled);

        // Over the channels of a group, then over the places: as many of the first for each of the second.
        static Node Mean(Node rows) => rows.Mean(3, keepDimensions: true).Mean(1, keepDimensions: true);
    }

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new GroupNorm(Groups, Weight.Shape[0], Epsilon);
}
