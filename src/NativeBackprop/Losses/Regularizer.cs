using NativeBackprop.Ops;

namespace NativeBackprop.Losses;

/// <summary>
/// A penalty λΩ(w) on parameters that is added to the cost, so that of two models that fit alike the one with smaller weights wins
/// (lecture notes 001, regularisation; 002, algorithm 6.3): one of those below, or a derived record of one's own. Several make parameter
/// groups.
/// </summary>
/// <remarks>
/// Thread safety: any threads may use it at once, where they may use <see cref="AppliesTo"/>. The graph that it adds to is for one thread
/// at a time.
/// </remarks>
public abstract record Regularizer
{
    /// <summary>λ Σ |w|, which drives weights to exactly 0; the subgradient at 0 is 0.</summary>
    /// <param name="factor">λ ≥ 0.</param>
    /// <param name="appliesTo">See <see cref="AppliesTo"/>.</param>
    /// <exception cref="OptionException">λ is negative or not finite.</exception>
    public static Regularizer L1(float factor, Func<Parameter, bool>? appliesTo = null) => new L1Penalty(factor) { AppliesTo = appliesTo };

    /// <summary>λ Σ w², whose gradient 2λw shrinks every weight by the same share.</summary>
    /// <param name="factor">λ ≥ 0.</param>
    /// <param name="appliesTo">See <see cref="AppliesTo"/>.</param>
    /// <exception cref="OptionException">λ is negative or not finite.</exception>
    public static Regularizer L2(float factor, Func<Parameter, bool>? appliesTo = null) => new L2Penalty(factor) { AppliesTo = appliesTo };

    /// <summary>Both: λ1 Σ |w| + λ2 Σ w² (Zou and Hastie 2005).</summary>
    /// <param name="l1">λ1 ≥ 0.</param>
    /// <param name="l2">λ2 ≥ 0.</param>
    /// <param name="appliesTo">See <see cref="AppliesTo"/>.</param>
    /// <exception cref="OptionException">A factor is negative or not finite.</exception>
    public static Regularizer Elastic(float l1, float l2, Func<Parameter, bool>? appliesTo = null) =>
        new ElasticPenalty(l1, l2) { AppliesTo = appliesTo };

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
        catch (Exception error) when (UserCode.IsForeign(error))
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
