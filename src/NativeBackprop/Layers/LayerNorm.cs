using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// y = (x − mean)/√(variance + ε) ⊙ weight + bias, mean and biased variance over the features of each example (Ba et al. 2016).
/// Parameters: <c>weight</c> [features], ones at first, and <c>bias</c> [features], zeros at first.
/// </summary>
/// <remarks>Thread safety: as that of every <see cref="Layer"/>.</remarks>
public sealed class LayerNorm : Layer
{
    /// <param name="features">Width of the input, at least 1.</param>
    /// <param name="epsilon">ε, above 0, which bounds what constant features are divided by.</param>
    /// <exception cref="OptionException">A value is outside its domain.</exception>
    public LayerNorm(int features, float epsilon = 1e-5f)
    {
        if (features < 1)
        {
            throw new OptionException($"a layer norm's width must be at least 1, got {features}");
        }

        Epsilon = epsilon > 0 && float.IsFinite(epsilon)
            ? epsilon
            : throw new OptionException($"a layer norm's epsilon must be a finite number above 0, got {epsilon}");
        Weight = AddParameter("weight", [features], Initializer.Constant(1));
        Bias = AddParameter("bias", [features], Initializer.Constant());
    }

    /// <summary>ε.</summary>
    public float Epsilon { get; }

    /// <summary>The scale of each feature.</summary>
    public Parameter Weight { get; }

    /// <summary>The offset of each feature.</summary>
    public Parameter Bias { get; }

    /// <inheritdoc/>
    public override int? InputWidthFor(int? outputWidth) => Weight.Shape[0];

    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context)
    {
        KindCheck.Require(input, context, "a layer norm", Weight.Shape[0], RowKind.Features, RowKind.Sequence);
        Node centred = input - input.Mean(-1, keepDimensions: true);
        Node deviation = (centred.Square().Mean(-1, keepDimensions: true) + Epsilon).Sqrt();
        return (centred / deviation * context.Variable(Weight)) + context.Variable(Bias);
    }

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new LayerNorm(Weight.Shape[0], Epsilon);
}
