namespace NativeBackprop.Data;

/// <summary>A training set and, where the source fixes one, its test set.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
/// <param name="Train">The rows to train on.</param>
/// <param name="Test">The rows to test on, or null when none are set apart.</param>
public readonly record struct DataSplit(Dataset Train, Dataset? Test);

/// <summary>
/// Rows of inputs with a class label or a dense target each, copied and checked once, when it is made. Immutable.
/// </summary>
/// <remarks>Thread safety: any threads may use it at once.</remarks>
public sealed class Dataset
{
    // "holdout" in ASCII: a stream of the seed that no epoch and no initialiser uses.
    private const ulong HoldoutStream = 0x74756F646C6F68;

    private readonly DatasetParts _parts;

    private Dataset(string name, DatasetParts parts)
    {
        (Name, _parts) = (name, parts);
        HasUnlabelled = parts.Labels.Contains(IndexRange.NoClass);
    }

    /// <summary>What the data set is called in messages.</summary>
    public string Name { get; }

    /// <summary>The number of rows, at least 1.</summary>
    public int Count => _parts.Count;

    /// <summary>The width of an input row: the product of <see cref="InputShape"/>.</summary>
    public int Features => _parts.RowLength;

    /// <summary>The shape of one input, without the batch: (28, 28) for an image, (Features) for a plain row.</summary>
    public ReadOnlySpan<int> InputShape => _parts.InputShape;

    /// <summary>The inputs, row-major [Count, Features]; every value is finite. Empty where there are indices.</summary>
    public ReadOnlySpan<float> Inputs => _parts.Inputs;

    /// <summary>True when the rows are indices, false when they are numbers.</summary>
    public bool HasIndices => _parts.IndexBound > 0;

    /// <summary>The indices, row-major [Count, Features], in 0..IndexBound−1; empty where there are numbers.</summary>
    public ReadOnlySpan<int> Indices => _parts.Indices;

    /// <summary>How many different indices there are; 0 without indices.</summary>
    public int IndexBound => _parts.IndexBound;

    /// <summary>How many steps of each row count; empty where all do.</summary>
    public ReadOnlySpan<int> Lengths => _parts.Lengths;

    /// <summary>True when the rows have class labels, false when they have dense targets.</summary>
    public bool IsClassification => _parts.IsClassification;

    /// <summary>
    /// The classes of each row, <see cref="LabelsPerRow"/> of them, in 0..Classes−1, or −100 for none; empty for dense targets.
    /// </summary>
    public ReadOnlySpan<int> Labels => _parts.Labels;

    /// <summary>How many classes a row has: 1, or one for each step.</summary>
    public int LabelsPerRow => _parts.LabelsPerRow;

    /// <summary>The number of classes; 0 for dense targets.</summary>
    public int Classes => _parts.Classes;

    /// <summary>The classes' names in their order, of text the characters; empty where they have none.</summary>
    public IReadOnlyList<string> ClassNames => _parts.ClassNames.AsReadOnly();

    /// <summary>The targets, row-major [Count, TargetWidth], every value finite; empty for class labels.</summary>
    public ReadOnlySpan<float> Targets => _parts.Targets;

    /// <summary>The width of a target row; 0 for class labels.</summary>
    public int TargetWidth => _parts.TargetWidth;

    /// <summary>True when a label is −100, which stands for none.</summary>
    internal bool HasUnlabelled { get; }

    /// <summary>Labels, or numbers, of a row of targets.</summary>
    internal int TargetLength => IsClassification ? LabelsPerRow : TargetWidth;

    /// <summary>A data set of any parts, which are copied.</summary>
    /// <param name="name">What to call it in messages.</param>
    /// <param name="parts">Rows and targets.</param>
    /// <exception cref="DataException">There are no rows, sizes differ, or a value is not finite or out of its range.</exception>
    public static Dataset Create(string name, DatasetParts parts)
    {
        ArgumentNullException.ThrowIfNull(parts);

        // Copied before they are checked: what the caller writes to his arrays meanwhile or later cannot undo the check.
        return Adopt(name, parts.Copied());
    }

    /// <summary>As <see cref="Create"/>, and keeps the arrays, which nobody else may write to: a large file is in memory once.</summary>
    internal static Dataset Adopt(string name, DatasetParts parts)
    {
        ArgumentNullException.ThrowIfNull(name);
        return new Dataset(name, parts.Checked(name));
    }

    /// <summary>A data set for classification.</summary>
    /// <param name="name">What to call it in messages.</param>
    /// <param name="inputs">Row-major [N, features].</param>
    /// <param name="features">The width of an input row.</param>
    /// <param name="labels">One class a row, in 0..classes−1.</param>
    /// <param name="classes">The number of classes K.</param>
    /// <param name="inputShape">The shape of one input, of product <paramref name="features"/>; (features) by default.</param>
    /// <exception cref="DataException">
    /// The data set is empty, sizes differ, an input is NaN or infinite, or a label is out of range.
    /// </exception>
    public static Dataset FromLabels(
        string name, float[] inputs, int features, int[] labels, int classes, ReadOnlySpan<int> inputShape = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(labels);
        return AdoptLabels(name, [.. inputs], features, [.. labels], classes, inputShape);
    }

    /// <summary>
    /// As <see cref="FromLabels"/>, and keeps the arrays, which nobody else may write to.
    /// </summary>
    internal static Dataset AdoptLabels(
        string name, float[] inputs, int features, int[] labels, int classes, ReadOnlySpan<int> inputShape) => Adopt(
            name,
            new DatasetParts { Inputs = inputs, InputShape = RowShapeOf(name, features, inputShape), Labels = labels, Classes = classes });

    /// <summary>A data set with dense targets: regression, several labels a row, or class probabilities.</summary>
    /// <param name="name">What to call it in messages.</param>
    /// <param name="inputs">Row-major [N, features].</param>
    /// <param name="features">The width of an input row.</param>
    /// <param name="targets">Row-major [N, targetWidth].</param>
    /// <param name="targetWidth">The width of a target row.</param>
    /// <param name="inputShape">The shape of one input, of product <paramref name="features"/>; (features) by default.</param>
    /// <exception cref="DataException">The data set is empty, sizes differ, or an input or a target is NaN or infinite.</exception>
    public static Dataset FromTargets(
        string name, float[] inputs, int features, float[] targets, int targetWidth, ReadOnlySpan<int> inputShape = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(targets);
        return AdoptTargets(name, [.. inputs], features, [.. targets], targetWidth, inputShape);
    }

    /// <summary>As <see cref="FromTargets"/>, and keeps the arrays, which nobody else may write to.</summary>
    internal static Dataset AdoptTargets(
        string name, float[] inputs, int features, float[] targets, int targetWidth, ReadOnlySpan<int> inputShape)
    {
        int[] shape = RowShapeOf(name, features, inputShape);
        return targetWidth >= 1
            ? Adopt(name, new DatasetParts { Inputs = inputs, InputShape = shape, Targets = targets, TargetWidth = targetWidth })
            : throw new DataException($"{name}: expected a target width of at least 1, found {targetWidth}");
    }

    /// <summary>Sets a share of the rows apart for testing.</summary>
    /// <param name="testFraction">
    /// The share, in [0, 1): the test set has that many rows, rounded to the nearest. 0 leaves everything to training.
    /// </param>
    /// <param name="shuffle">Draws the test rows at random; otherwise they are the last ones and both sides keep their order.</param>
    /// <param name="seed">Determines the draw.</param>
    /// <returns>The two sides as copies; for a fraction of 0 this data set itself and null.</returns>
    /// <exception cref="OptionException"><paramref name="testFraction"/> is outside [0, 1).</exception>
    /// <exception cref="DataException">The fraction leaves one of the sides without a row.</exception>
    public DataSplit Split(double testFraction, bool shuffle, ulong seed)
    {
        if (!(testFraction >= 0 && testFraction < 1))
        {
            throw new OptionException($"test fraction: expected a number in [0, 1), found {testFraction}");
        }

        if (testFraction == 0)
        {
            return new DataSplit(this, null);
        }

        int testCount = (int)Math.Round(Count * testFraction, MidpointRounding.AwayFromZero);
        if (testCount == 0 || testCount == Count)
        {
            string side = testCount == 0 ? "test" : "training";
            throw new DataException(
                $"{Name}: a test fraction of {testFraction} of {Count} rows leaves no {side} row; expected at least 1 on each side");
        }

        int[] order = new int[Count];
        for (int i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        if (shuffle)
        {
            new RandomSource(seed).Split(HoldoutStream).Shuffle(order);
        }

        int trainCount = Count - testCount;
        return new DataSplit(Subset(order.AsSpan(0, trainCount)), Subset(order.AsSpan(trainCount)));
    }

    /// <summary>A copy of the given rows, in the given order.</summary>
    /// <exception cref="DataException">No row is given, or a row is outside 0..Count−1.</exception>
    public Dataset Subset(ReadOnlySpan<int> rows)
    {
        if (rows.IsEmpty)
        {
            throw new DataException($"{Name}: a subset needs at least 1 row, found 0");
        }

        // What was checked once need not be checked again.
        return new Dataset(Name, (_parts with
        {
            Inputs = Gathered(_parts.Inputs, Features, rows),
            Indices = Gathered(_parts.Indices, Features, rows),
            Labels = Gathered(_parts.Labels, LabelsPerRow, rows),
            Targets = Gathered(_parts.Targets, TargetWidth, rows),
            Lengths = Gathered(_parts.Lengths, 1, rows),
        }).OfRows(rows.Length));
    }

    /// <summary>Copies the inputs of the given rows, [rows, Features], to the start of <paramref name="destination"/>.</summary>
    /// <exception cref="DataException">A row is outside 0..Count−1.</exception>
    /// <exception cref="ShapeException"><paramref name="destination"/> is too small.</exception>
    /// <exception cref="InvalidOperationException">The rows are indices.</exception>
    public void Gather(ReadOnlySpan<int> rows, Span<float> destination)
    {
        if (HasIndices)
        {
            throw Refusal.InvalidOperation($"{Name} has rows of indices, not of numbers");
        }

        GatherRows<float>(_parts.Inputs, Features, rows, destination);
    }

    /// <summary>Copies the indices of the given rows, [rows, Features], to the start of <paramref name="destination"/>.</summary>
    /// <exception cref="InvalidOperationException">The rows are numbers.</exception>
    /// <inheritdoc cref="Gather"/>
    public void GatherIndices(ReadOnlySpan<int> rows, Span<int> destination)
    {
        if (!HasIndices)
        {
            throw Refusal.InvalidOperation($"{Name} has rows of numbers, not of indices");
        }

        GatherRows<int>(_parts.Indices, Features, rows, destination);
    }

    /// <summary>
    /// Copies how many steps of the given rows count to the start of <paramref name="destination"/>: all, where there are no lengths.
    /// </summary>
    /// <inheritdoc cref="Gather"/>
    public void GatherLengths(ReadOnlySpan<int> rows, Span<int> destination)
    {
        if (_parts.Lengths.Length > 0)
        {
            GatherRows<int>(_parts.Lengths, 1, rows, destination);
        }
        else
        {
            destination[..rows.Length].Fill(InputShape[0]);
        }
    }

    /// <summary>Copies the class labels of the given rows, [rows, LabelsPerRow], to the start of <paramref name="destination"/>.</summary>
    /// <exception cref="InvalidOperationException">The data set has dense targets.</exception>
    /// <inheritdoc cref="Gather"/>
    public void GatherLabels(ReadOnlySpan<int> rows, Span<int> destination)
    {
        if (!IsClassification)
        {
            throw Refusal.InvalidOperation($"{Name} has dense targets, not class labels");
        }

        GatherRows<int>(_parts.Labels, LabelsPerRow, rows, destination);
    }

    /// <summary>Copies the targets of the given rows, [rows, TargetWidth], to the start of <paramref name="destination"/>.</summary>
    /// <exception cref="InvalidOperationException">The data set has class labels.</exception>
    /// <inheritdoc cref="Gather"/>
    public void GatherTargets(ReadOnlySpan<int> rows, Span<float> destination)
    {
        if (IsClassification)
        {
            throw Refusal.InvalidOperation($"{Name} has class labels, not dense targets");
        }

        GatherRows<float>(_parts.Targets, TargetWidth, rows, destination);
    }

    private void GatherRows<T>(ReadOnlySpan<T> source, int width, ReadOnlySpan<int> rows, Span<T> destination)
    {
        if (destination.Length < (long)rows.Length * width)
        {
            throw new ShapeException(
                $"{Name}: {rows.Length} rows of {width} need {(long)rows.Length * width} values, the destination has {destination.Length}");
        }

        int start = 0;
        while (start < rows.Length)
        {
            // Rows that follow each other in the source are copied in one go: the whole batch when nothing is shuffled.
            int end = start + 1;
            while (end < rows.Length && rows[end] == rows[end - 1] + 1)
            {
                end++;
            }

            int first = rows[start], run = end - start;
            if (first < 0 || first > Count - run)
            {
                int culprit = first < 0 || first >= Count ? first : Count;
                throw new DataException($"{Name}: row {culprit} is outside 0..{Count - 1}");
            }

            source.Slice(first * width, run * width).CopyTo(destination[(start * width)..]);
            start = end;
        }
    }

    private T[] Gathered<T>(T[] source, int width, ReadOnlySpan<int> rows)
    {
        if (source.Length == 0)
        {
            return source;
        }

        T[] result = GC.AllocateUninitializedArray<T>(checked(rows.Length * width));
        GatherRows<T>(source, width, rows, result);
        return result;
    }

    private static int[] RowShapeOf(string name, int features, ReadOnlySpan<int> inputShape)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (features < 1)
        {
            throw new DataException($"{name}: expected at least 1 feature, found {features}");
        }

        int[] shape = inputShape.IsEmpty ? [features] : inputShape.ToArray();
        return shape.All(extent => extent >= 1) && shape.Aggregate((Int128)1, (p, extent) => p > features ? p : p * extent) == features
            ? shape
            : throw new DataException($"{name}: an input shape of ({string.Join(", ", shape)}) does not hold {features} features");
    }
}
