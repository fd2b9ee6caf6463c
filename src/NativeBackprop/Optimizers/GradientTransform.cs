namespace NativeBackprop.Optimizers;

/// <summary>
/// What is done to the gradients between the backward pass and the update, as graph: one of the ways below, or a derived record with a
/// way of its own.
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once. The graph that it adds to is for one thread at a time.</remarks>
public abstract record GradientTransform
{
    /// <summary>Clips every element to [−limit, limit].</summary>
    /// <param name="limit">The largest magnitude that an element keeps.</param>
    /// <exception cref="OptionException">The limit is not a finite number above 0.</exception>
    public static GradientTransform ClipByValue(float limit) => new ClipByValue(limit);

    /// <summary>
    /// Scales all gradients together by min(1, maxNorm/(‖g‖ + 1e-6)), where ‖g‖ is the Euclidean norm over every element of every
    /// parameter: their direction is kept (Pascanu et al. 2013; the formula of PyTorch's clip_grad_norm_).
    /// </summary>
    /// <param name="maxNorm">The largest norm that the gradients keep.</param>
    /// <exception cref="OptionException">The norm is not a finite number above 0.</exception>
    public static GradientTransform ClipByNorm(float maxNorm) => new ClipByNorm(maxNorm);

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
