namespace NativeBackprop;

/// <summary>What a row of a batch is, which the layers go by: a shape alone does not tell a sequence from a signal.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public enum RowKind
{
    /// <summary>Numbers without an order among them: [B, F].</summary>
    Features,

    /// <summary>Steps in time, each of some features: [B, T, F].</summary>
    Sequence,

    /// <summary>Channels over a length: [B, L, C].</summary>
    Signal,

    /// <summary>Channels over height and width: [B, H, W, C].</summary>
    Image,

    /// <summary>Whole numbers that stand for something, a step each: [B, T].</summary>
    Indices,
}
