namespace NativeBackprop.Layers;

/// <summary>
/// An affine map whose weights are a product of two thin factors: z = (x·U)·V + b from [B, In] to [B, Out] with q(In + Out) weights
/// where a <see cref="Linear"/> has In·Out (lecture notes 002, linear hidden units). Parameters: <c>u.weight</c> [In, q],
/// <c>v.weight</c> [q, Out] and <c>v.bias</c> [Out].
/// </summary>
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
    {
        if (rank < 1)
        {
            throw new OptionException($"a low-rank linear layer's rank must be at least 1, got {rank}");
        }

        weightInitializer ??= new GlorotInitializer();
        (_u, _v) = (new Linear(inputs, rank, false, weightInitializer), new Linear(rank, outputs, bias, weightInitializer));
        Prefix("u", _u);
        Prefix("v", _v);
    }

    /// <summary>U, of shape [In, q].</summary>
    public Parameter U => _u.Weight;

    /// <summary>V, of shape [q, Out].</summary>
    public Parameter V => _v.Weight;

    /// <summary>b, of shape [Out], or null.</summary>
    public Parameter? Bias => _v.Bias;

    /// <inheritdoc/>
    protected internal override IEnumerable<Parameter> OwnParameters => _u.OwnParameters.Concat(_v.OwnParameters);

    /// <inheritdoc/>
    protected internal override int? InputWidth => _u.InputWidth;

    /// <inheritdoc/>
    public override Node Build(Node input, BuildMode mode) => _v.Build(_u.Build(input, mode), mode);

    /// <inheritdoc/>
    protected internal override void Initialize(RandomSource random)
    {
        _u.Initialize(random);
        _v.Initialize(random);
    }
}
