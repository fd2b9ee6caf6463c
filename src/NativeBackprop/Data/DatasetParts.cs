namespace NativeBackprop.Data;

/// <summary>
/// What a <see cref="Dataset"/> is made of, by name: rows of numbers or of indices, with classes or numbers as targets, and for sequences
/// of unequal length how many steps of each row count.
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once. The arrays are the caller's until they are copied.</remarks>
public sealed record DatasetParts
{
    /// <summary>Rows of numbers, [N, row], every one finite; or <see cref="Indices"/> instead.</summary>
    public float[] Inputs { get; init; } = [];

    /// <summary>Rows of indices, [N, row], in 0..<see cref="IndexBound"/>−1; or <see cref="Inputs"/> instead.</summary>
    public int[] Indices { get; init; } = [];

    /// <summary>How many different indices there are; 0 without indices.</summary>
    public int IndexBound { get; init; }

    /// <summary>The shape of one row, without the batch: (28, 28) for an image, (T) for indices.</summary>
    public int[] InputShape { get; init; } = [];

    /// <summary>
    /// Classes in 0..<see cref="Classes"/>−1, [N] or [N, <see cref="LabelsPerRow"/>]; −100 stands for none, where the loss allows it.
    /// Or <see cref="Targets"/> instead.
    /// </summary>
    public int[] Labels { get; init; } = [];

    /// <summary>The number of classes; 0 with numbers as targets.</summary>
    public int Classes { get; init; }

    /// <summary>The classes' names in their order, of text the characters; empty where they have none.</summary>
    public string[] ClassNames { get; init; } = [];

    /// <summary>How many classes a row has: 1, or one for each step.</summary>
    public int LabelsPerRow { get; init; } = 1;

    /// <summary>Numbers as targets, [N, <see cref="TargetWidth"/>], every one finite; or <see cref="Labels"/> instead.</summary>
    public float[] Targets { get; init; } = [];

    /// <summary>The width of a row of targets; 0 with classes.</summary>
    public int TargetWidth { get; init; }

    /// <summary>How many steps of each row count, [N] in 1..T; empty where all do.</summary>
    public int[] Lengths { get; init; } = [];

    /// <summary>Numbers, or indices, of a row.</summary>
    internal int RowLength { get; private init; }

    /// <summary>The number of rows.</summary>
    internal int Count { get; private init; }

    /// <summary>True for classes as targets.</summary>
    internal bool IsClassification => Classes > 0;

    /// <summary>The same parts with arrays of their own.</summary>
    internal DatasetParts Copied() => this with
    {
        Inputs = [.. Inputs], Indices = [.. Indices], InputShape = [.. InputShape], Labels = [.. Labels], Targets = [.. Targets],
        Lengths = [.. Lengths], ClassNames = [.. ClassNames],
    };

    /// <summary>The parts for another number of rows.</summary>
    internal DatasetParts OfRows(int count) => this with { Count = count };

    /// <summary>The parts with the number of rows and the length of one, if they fit each other.</summary>
    /// <exception cref="DataException">They do not: there are no rows, sizes differ, or a value is out of its range.</exception>
    internal DatasetParts Checked(string name)
    {
        int row = CheckShape(name), given = Indices.Length > 0 ? Indices.Length : Inputs.Length;
        if (Indices.Length > 0 && Inputs.Length > 0)
        {
            throw new DataException($"{name}: expected inputs or indices, found both");
        }

        if (given == 0)
        {
            throw new DataException($"{name}: the data set is empty, expected at least 1 row");
        }

        if (given % row != 0)
        {
            throw new DataException($"{name}: {given} input values are not a whole number of rows of {row} features");
        }

        DatasetParts parts = this with { Count = given / row, RowLength = row };
        CheckFinite(name, "input", Inputs, row);
        parts.CheckIndices(name);
        parts.CheckTargets(name);
        parts.CheckLengths(name);
        return parts;
    }

    private static void CheckFinite(string name, string what, ReadOnlySpan<float> values, int width)
    {
        if (FiniteCheck.IndexOfNonFinite(values) is var index && index >= 0)
        {
            throw new DataException(
                $"{name}: {what} in row {index / width}, column {index % width} is {values[index]}, expected a finite number");
        }
    }

    private static void CheckRange(string name, string what, IndexRange range, ReadOnlySpan<int> values, int width)
    {
        if (range.IndexOfOutside(values) is var at && at >= 0)
        {
            string place = width == 1 ? $"row {at}" : $"row {at / width}, column {at % width}";
            throw new DataException($"{name}: {what} {values[at]} in {place} is outside {range.Least}..{range.Bound - 1}");
        }
    }

    private int CheckShape(string name)
    {
        Int128 row = 1;
        foreach (int extent in InputShape)
        {
            row = extent < 1 || row == 0 ? 0 : Int128.Min(row * extent, int.MaxValue + (Int128)1);
        }

        return InputShape.Length > 0 && row >= 1 && row <= int.MaxValue ? (int)row : throw new DataException(
            $"{name}: a row needs extents of at least 1 and a product below 2^31, found ({string.Join(", ", InputShape)})");
    }

    private void CheckIndices(string name)
    {
        if (Indices.Length == 0)
        {
            return;
        }

        if (IndexBound < 1)
        {
            throw new DataException($"{name}: indices need a bound of at least 1, found {IndexBound}");
        }

        CheckRange(name, "index", new IndexRange(IndexBound), Indices, RowLength);
    }

    private void CheckTargets(string name)
    {
        if (Labels.Length > 0 || TargetWidth == 0)
        {
            CheckLabels(name);
            return;
        }

        if (TargetWidth < 1)
        {
            throw new DataException($"{name}: expected a target width of at least 1, found {TargetWidth}");
        }

        if (Targets.Length != (long)Count * TargetWidth)
        {
            throw new DataException(
                $"{name}: expected {(long)Count * TargetWidth} target values ({Count} rows of {TargetWidth}), found {Targets.Length}");
        }

        CheckFinite(name, "target", Targets, TargetWidth);
    }

    private void CheckLabels(string name)
    {
        if (LabelsPerRow < 1 || TargetWidth != 0)
        {
            throw new DataException(LabelsPerRow < 1
                ? $"{name}: expected at least 1 label a row, found {LabelsPerRow}"
                : $"{name}: expected labels or targets, found both");
        }

        if (Labels.Length != (long)Count * LabelsPerRow)
        {
            throw new DataException(LabelsPerRow == 1
                ? $"{name}: expected {Count} labels, one for each input row, found {Labels.Length}"
                : $"{name}: expected {(long)Count * LabelsPerRow} labels, {LabelsPerRow} for each of {Count} rows, found {Labels.Length}");
        }

        if (Classes < 1)
        {
            throw new DataException($"{name}: expected at least 1 class, found {Classes}");
        }

        if (ClassNames.Length > 0 && ClassNames.Length != Classes)
        {
            throw new DataException($"{name}: expected a name for each of {Classes} classes, found {ClassNames.Length}");
        }

        CheckRange(name, "label", new IndexRange(Classes, AllowsNone: true), Labels, LabelsPerRow);
    }

    private void CheckLengths(string name)
    {
        if (Lengths.Length == 0)
        {
            return;
        }

        if (Lengths.Length != Count)
        {
            throw new DataException($"{name}: expected {Count} lengths, one for each input row, found {Lengths.Length}");
        }

        CheckRange(name, "length", new IndexRange(InputShape[0] + 1, 1), Lengths, 1);
    }
}
