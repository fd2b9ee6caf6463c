namespace NativeBackprop.IO;

/// <summary>What a data source cannot say of itself.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
internal sealed record DataSourceOptions
{
    /// <summary>The number of classes, where a file does not say; the largest label that occurs plus 1 when null.</summary>
    public int? Classes { get; init; }

    /// <summary>For text: the characters of a row.</summary>
    public int Window { get; init; } = 64;

    /// <summary>For text: what may occur, as the training data has it; null for what does.</summary>
    public IReadOnlyList<string>? Characters { get; init; }

    /// <summary>For a CSV file: the column with the class or target; the last one when null.</summary>
    public string? TargetColumn { get; init; }

    /// <summary>For a CSV file: the target column is a real number, not a class.</summary>
    public bool Regression { get; init; }
}
