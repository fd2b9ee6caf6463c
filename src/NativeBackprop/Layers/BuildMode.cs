namespace NativeBackprop.Layers;

/// <summary>What a network is built for.</summary>
/// <remarks>Thread safety: immutable, safe to share.</remarks>
public enum BuildMode
{
    /// <summary>Training: dropout drops.</summary>
    Training,

    /// <summary>Evaluation and inference: dropout is the identity.</summary>
    Evaluation,
}
