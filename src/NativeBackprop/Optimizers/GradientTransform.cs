using NativeBackprop.Ops;

namespace NativeBackprop.Optimizers;

/// <summary>What is done to the gradients between the backward pass and the update, as graph.</summary>
/// <remarks>Thread safety: immutable, so that any threads may use it at once.</remarks>
public abstract record GradientTransform
{
    /// <summary>Adds the nodes of the changed gradients, in the order and the shapes of the given ones.</summary>
    public abstract IReadOnlyList<Node> Apply(IReadOnlyList<Node> gradients);

    /// <summary>The changed gradients, checked; what a user's transform throws is the inner exception of ours.</summary>
    /// <exception cref="GraphException">The transform failed, or does not give as many gradients of the same shapes.</exception>
    internal IReadOnlyList<Node> CheckedApply(IReadOnlyList<Node> gradients)
    {
        IReadOnlyList<Node> changed = UserCode.Call(
            GetType().Name, given => Apply(given)?.ToArray(), gradients)!;
        if (changed is null || changed.Count != gradients.Count)
        {
            throw new GraphException(
                $"{GetType().Name}: expected as many gradients as it was given, {gradients.Count}, got {changed?.Count ?? 0}");
        }

        for (int i = 0; i < gradients.Count; i++)
        {
            if (changed[i]?.Graph != gradients[i].Graph || !changed[i].Shape.Equals(gradients[i].Shape))
            {
                throw new GraphException(
                    $"{GetType().Name}: expected a gradient of shape {gradients[i].Shape} for {gradients[i]}, got {changed[i]?.Shape}");
            }
        }

        return changed;
    }

    private protected static void RequireNodes(IReadOnlyList<Node> gradients)
    {
        ArgumentNullException.ThrowIfNull(gradients);
        foreach (Node gradient in gradients)
        {
            ArgumentNullException.ThrowIfNull(gradient, nameof(gradients));
        }
    }

    private protected static float RequirePositive(string name, float value) => value > 0 && float.IsFinite(value)
        ? value
        : throw new OptionException($"{name} must be a finite number above 0, got {value}");
}

/// <summary>Clips every element to [−Limit, Limit].</summary>
/// <remarks>Thread safety: immutable, so that any threads may use it at once.</remarks>
/// <param name="Limit">Above 0.</param>
/// <exception cref="OptionException">The limit is not a finite number above 0.</exception>
public sealed record ClipByValue(float Limit) : GradientTransform
{
    /// <summary>The largest magnitude that an element keeps.</summary>
    public float Limit { get; } = RequirePositive("the clipping limit", Limit);

    /// <inheritdoc/>
    public override IReadOnlyList<Node> Apply(IReadOnlyList<Node> gradients)
    {
        RequireNodes(gradients);
        return [.. gradients.Select(g => g.Maximum(g.Graph.Constant(-Limit)).Minimum(g.Graph.Constant(Limit)))];
    }
}

/// <summary>
/// Scales all gradients together by min(1, MaxNorm/(‖g‖ + 1e-6)), where ‖g‖ is the Euclidean norm over every element of every
/// parameter: their direction is kept (Pascanu et al. 2013; the formula of PyTorch's clip_grad_norm_).
/// </summary>
/// <remarks>Thread safety: immutable, so that any threads may use it at once.</remarks>
/// <param name="MaxNorm">Above 0.</param>
/// <exception cref="OptionException">The norm is not a finite number above 0.</exception>
public sealed record ClipByNorm(float MaxNorm) : GradientTransform
{
    private const float Epsilon = 1e-6f;

    /// <summary>The largest norm that the gradients keep.</summary>
    public float MaxNorm { get; } = RequirePositive("the clipping norm", MaxNorm);

    /// <inheritdoc/>
    public override IReadOnlyList<Node> Apply(IReadOnlyList<Node> gradients)
    {
        RequireNodes(gradients);
        if (gradients.Count == 0)
        {
            return gradients;
        }

        Node norm = gradients.Select(g => g.Square().Sum()).Aggregate((a, b) => a + b).Sqrt();
        Node factor = (MaxNorm / (norm + Epsilon)).Minimum(norm.Graph.Constant(1));
        return [.. gradients.Select(g => g * factor)];
    }
}
