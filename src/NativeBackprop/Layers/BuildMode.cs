namespace NativeBackprop.Layers;

/// <summary>What a network is built for.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public enum BuildMode
{
    /// <summary>Training: dropout drops.</summary>
    Training,

    /// <summary>Evaluation and inference: dropout is the identity.</summary>
    Evaluation,
}
