namespace NativeBackprop.Layers;

/// <summary>
/// An affine map whose weights are a product of two thin factors: z = (x·U)·V + b from In to Out features with q(In + Out) weights
/// where a <see cref="Linear"/> has In·Out (lecture notes 002, linear hidden units). Parameters: <c>u.weight</c> [In, q],
/// <c>v.weight</c> [q, Out] and <c>v.bias</c> [Out].
/// </summary>
/// <remarks>Thread safety: as that of every <see cref="Layer"/>.</remarks>
public sealed class LowRankLinear : Layer
{
    private readonly Linear _u, _v;

    /// <param name="inputs">Width of the input, at least 1.</param>
    /// <param name="outputs">Width of the output, at least 1.</param>
    /// <param name="rank">q, at least 1.</param>
    /// <param name="bias">False leaves b out.</param>
    /// <param name="weightInitializer">For both factors; Glorot's uniform distribution when null, as nothing bends between them.</param>
    /// <exception cref="OptionException">A width or the rank is below 1.</exception>
    public LowRankLinear(int inputs, int outputs, int rank, bool bias = true, Initializer? weightInitializer = null)
        : this(
            new Linear(inputs, RequireRank(rank), false, weightInitializer ?? Initializer.Glorot()),
            new Linear(rank, outputs, bias, weightInitializer ?? Initializer.Glorot()))
    {
    }

    private LowRankLinear(Linear u, Linear v) => (_u, _v) = (AddChild("u", u), AddChild("v", v));

    /// <summary>U, of shape [In, q].</summary>
    public Parameter U => _u.Weight;

    /// <summary>V, of shape [q, Out].</summary>
    public Parameter V => _v.Weight;

    /// <summary>b, of shape [Out], or null.</summary>
    public Parameter? Bias => _v.Bias;

    /// <inheritdoc/>
    public override int? InputWidthFor(int? outputWidth) => _u.InputWidth;

    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context) =>
        _v.Build(_u.Build(input, context.Child("u")), context.Child("v"));

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new LowRankLinear(context.Copy(_u), context.Copy(_v));

    private static int RequireRank(int rank) =>
        rank >= 1 ? rank : throw new OptionException($"a low-rank linear layer's rank must be at least 1, got {rank}");
}
