namespace NativeBackprop.Training;

/// <summary>What a step does about numbers that are NaN or infinite.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public enum OnNonFinite
{
    /// <summary>A cost that is not finite stops the step before anything is changed, with a <see cref="NonFiniteException"/>.</summary>
    Stop,

    /// <summary>
    /// The gradients are looked at too. Each has to be formed for that, so that plain gradient descent cannot update inside the
    /// product.
    /// </summary>
    CheckGradients,

    /// <summary>The step goes on, and parameters may become NaN.</summary>
    Continue,
}
