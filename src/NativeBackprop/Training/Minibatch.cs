namespace NativeBackprop.Training;

/// <summary>
/// The rows of one step as named parts. Parts that are left empty are absent; a part that the model or the loss does not take is
/// refused by its name. Values are copied when the step takes them. An object may be filled again and handed in again, which
/// allocates nothing.
/// </summary>
/// <remarks>Thread safety: for one thread at a time.</remarks>
public sealed class Minibatch
{
    /// <summary>Rows of numbers, row-major: what the model reads.</summary>
    public ReadOnlyMemory<float> Inputs { get; set; }

    /// <summary>Rows of indices, for a model that reads those.</summary>
    public ReadOnlyMemory<int> Indices { get; set; }

    /// <summary>How many steps of each row count, for a model of sequences.</summary>
    public ReadOnlyMemory<int> Lengths { get; set; }

    /// <summary>Rows of numbers that the loss compares with.</summary>
    public ReadOnlyMemory<float> Targets { get; set; }

    /// <summary>Class indices that the loss compares with.</summary>
    public ReadOnlyMemory<int> Labels { get; set; }

    /// <summary>
    /// What each row's loss is multiplied by, at least 0. The divisor stays the number of rows.
    /// </summary>
    public ReadOnlyMemory<float> SampleWeights { get; set; }
}
