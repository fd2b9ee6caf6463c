namespace NativeBackprop.Data;

/// <summary>How a CSV file is read as a data set.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record CsvOptions
{
    /// <summary>The column with the class or the target, by its name in the header; the last column when null.</summary>
    public string? TargetColumn { get; init; }

    /// <summary>Reads the target column as a real number to be predicted instead of a class.</summary>
    public bool Regression { get; init; }

    /// <summary>
    /// Whether the first line names the columns. When null, it does if none of its fields is a number, or if
    /// <see cref="TargetColumn"/> is one of them.
    /// </summary>
    public bool? HasHeader { get; init; }

    /// <summary>What every input is divided by: the largest grey level, for pixels. 1 by default.</summary>
    public float InputDivisor { get; init; } = 1;

    /// <summary>The number of classes; the largest class that occurs plus 1 when null.</summary>
    public int? Classes { get; init; }

    /// <summary>The shape of one input; one dimension when null.</summary>
    public int[]? InputShape { get; init; }
}
