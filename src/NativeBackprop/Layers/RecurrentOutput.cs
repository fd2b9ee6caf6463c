namespace NativeBackprop.Layers;

/// <summary>What a recurrent layer gives.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public enum RecurrentOutput
{
    /// <summary>The last layer's output at every step, [B, T, directions·H], forward first, 0 beyond a row's length.</summary>
    Sequence,

    /// <summary>The last layer's final states, [B, directions·H], forward first.</summary>
    Last,
}
