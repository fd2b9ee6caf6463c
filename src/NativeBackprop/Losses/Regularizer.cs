using NativeBackprop.Ops;

namespace NativeBackprop.Losses;

/// <summary>
/// A penalty λΩ(w) on parameters that is added to the cost, so that of two models that fit alike the one with smaller weights wins
/// (lecture notes 001, regularisation; 002, algorithm 6.3). Several make parameter groups.
/// </summary>
/// <remarks>Thread safety: immutable, so that any threads may use one at once where <see cref="AppliesTo"/> allows it.</remarks>
public abstract record Regularizer
{
    /// <summary>
    /// Which parameters it falls on. Null, the default: every one of rank 2 or more, so weights and not biases, because shrinking a
    /// bias only shifts what it was fitted to.
    /// </summary>
    public Func<Parameter, bool>? AppliesTo { get; init; }

    /// <summary>Adds λΩ of one parameter, a scalar.</summary>
    public abstract Node Penalty(Node parameter);

    /// <summary>True when the penalty falls on the parameter.</summary>
    /// <exception cref="GraphException">What <see cref="AppliesTo"/> threw, as the inner exception.</exception>
    public bool Covers(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        try
        {
            return AppliesTo?.Invoke(parameter) ?? parameter.Shape.Rank > 1;
        }
        catch (Exception error)
        {
            throw new GraphException($"{parameter}: {nameof(AppliesTo)} failed: {error.GetType().Name}: {error.Message}", error);
        }
    }

    /// <summary>Adds the penalties of all parameters that are covered to a cost.</summary>
    /// <exception cref="GraphException">A penalty of one's own has failed; its exception is the inner one.</exception>
    public Node AddTo(Node cost, IEnumerable<Parameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(cost);
        ArgumentNullException.ThrowIfNull(parameters);
        foreach (Parameter parameter in parameters.Where(Covers))
        {
            Node penalty = UserCode.Call($"{GetType().Name}.{nameof(Penalty)}", Penalty, cost.Graph.Variable(parameter))
                ?? throw new GraphException($"{GetType().Name}.{nameof(Penalty)} gave null for {parameter}");
            cost += penalty;
        }

        return cost;
    }

    private protected static float Require(string name, float value) => value >= 0 && float.IsFinite(value)
        ? value
        : throw new OptionException($"the {name} factor must be a finite number of at least 0, got {value}");
}

/// <summary>λ Σ |w|, which drives weights to exactly 0; the subgradient at 0 is 0.</summary>
/// <param name="Factor">λ ≥ 0.</param>
/// <exception cref="OptionException">λ is negative or not finite.</exception>
public sealed record L1Penalty(float Factor) : Regularizer
{
    /// <summary>λ.</summary>
    public float Factor { get; } = Require("L1", Factor);

    /// <inheritdoc/>
    public override Node Penalty(Node parameter) => Factor * parameter.Abs().Sum();
}

/// <summary>λ Σ w², whose gradient 2λw shrinks every weight by the same share.</summary>
/// <param name="Factor">λ ≥ 0.</param>
/// <exception cref="OptionException">λ is negative or not finite.</exception>
public sealed record L2Penalty(float Factor) : Regularizer
{
    /// <summary>λ.</summary>
    public float Factor { get; } = Require("L2", Factor);

    /// <inheritdoc/>
    public override Node Penalty(Node parameter) => Factor * parameter.Square().Sum();
}

/// <summary>Both: λ1 Σ |w| + λ2 Σ w² (Zou and Hastie 2005).</summary>
/// <param name="L1">λ1 ≥ 0.</param>
/// <param name="L2">λ2 ≥ 0.</param>
/// <exception cref="OptionException">A factor is negative or not finite.</exception>
public sealed record ElasticPenalty(float L1, float L2) : Regularizer
{
    /// <summary>λ1.</summary>
    public float L1 { get; } = Require("L1", L1);

    /// <summary>λ2.</summary>
    public float L2 { get; } = Require("L2", L2);

    /// <inheritdoc/>
    public override Node Penalty(Node parameter) => (L1 * parameter.Abs().Sum()) + (L2 * parameter.Square().Sum());
}
