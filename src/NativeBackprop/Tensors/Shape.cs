using System.Collections;
using System.Runtime.CompilerServices;

namespace NativeBackprop;

/// <summary>
/// The extents of a tensor, outermost first. An extent is a number, or a multiple of the batch size that a plan is compiled for:
/// <see cref="Batch"/>, or <see cref="Batches"/> of several. Immutable, compared by value.
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public sealed class Shape : IEquatable<Shape>, IEnumerable<int>
{
    /// <summary>The extent that a plan replaces by its batch size.</summary>
    public const int Batch = -1;

    /// <summary>The shape of a single number.</summary>
    public static readonly Shape Scalar = new([]);

    // k·B with k > 1 is written as int.MinValue + k, far from any negative number that somebody might compute by mistake.
    private const int MostBatches = 1 << 30;

    // What a run of a plan asks for: the number of elements is that of one row times the batch size to a power. Empty dimensions count as
    // one here, and what is beyond a long is negative.
    private readonly int[] _extents;
    private readonly long _coefficient;
    private readonly int _power;
    private readonly bool _isEmpty;

    private Shape(int[] extents)
    {
        (_extents, _isEmpty) = (extents, Array.IndexOf(extents, 0) >= 0);
        Int128 coefficient = 1;
        foreach (int extent in extents)
        {
            coefficient *= IsOpen(extent) ? Coefficient(extent) : Math.Max(1, extent);
            coefficient = coefficient <= long.MaxValue ? coefficient : long.MaxValue + Int128.One;
            _power += IsOpen(extent) ? 1 : 0;
        }

        _coefficient = coefficient <= long.MaxValue ? (long)coefficient : -1;
    }

    /// <summary>Number of dimensions; 0 for a scalar.</summary>
    public int Rank => _extents.Length;

    /// <summary>The extents, outermost first.</summary>
    public ReadOnlySpan<int> Extents => _extents;

    /// <summary>True when an extent is a multiple of the batch size.</summary>
    public bool IsSymbolic => _power > 0;

    /// <summary>The extent of a dimension; negative indices count from the end.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such dimension.</exception>
    public int this[int dimension] => _extents[Position(dimension)];

    /// <summary>The extent of <paramref name="count"/> times the batch size.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The count is negative or more than 2^30.</exception>
    public static int Batches(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MostBatches);
        return count switch { 0 => 0, 1 => Batch, _ => int.MinValue + count };
    }

    /// <summary>Builds a shape from its extents.</summary>
    /// <exception cref="ShapeException">An extent is negative and no multiple of the batch size.</exception>
    public static Shape Create(ReadOnlySpan<int> extents)
    {
        foreach (int extent in extents)
        {
            Check(extent);
        }

        return new Shape(extents.ToArray());
    }

    /// <summary>The shape of <c>a ∘ b</c> under numpy's broadcasting rule.</summary>
    /// <exception cref="ShapeException">Two extents differ and neither is 1.</exception>
    public static Shape Broadcast(Shape a, Shape b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        var result = new int[Math.Max(a.Rank, b.Rank)];
        for (int i = 1; i <= result.Length; i++)
        {
            int x = i <= a.Rank ? a[-i] : 1, y = i <= b.Rank ? b[-i] : 1;
            if (x != y && x != 1 && y != 1)
            {
                throw new ShapeException($"{a} and {b} do not broadcast: extents {Text(x)} and {Text(y)} differ and neither is 1");
            }

            result[^i] = x == 1 ? y : x;
        }

        return new Shape(result);
    }

    /// <summary>
    /// The number of elements as coefficient × batch^power, so that symbolic shapes can be compared; (0, 0) of an empty one.
    /// </summary>
    /// <exception cref="ShapeException">The coefficient is beyond 2^63 − 1.</exception>
    public (long Coefficient, int BatchPower) Count() => _isEmpty ? (0, 0)
        : _coefficient < 0 ? throw TooLarge()
        : (_coefficient, _power);

    /// <summary>Replaces the batch size in every extent by a number.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The batch size is negative.</exception>
    /// <exception cref="ShapeException">An extent becomes more than 2^31 − 1.</exception>
    public Shape Resolve(int batchSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(batchSize);
        if (!IsSymbolic)
        {
            return this;
        }

        var extents = new int[Rank];
        for (int i = 0; i < extents.Length; i++)
        {
            long extent = IsOpen(_extents[i]) ? (long)Coefficient(_extents[i]) * batchSize : _extents[i];
            extents[i] = extent <= int.MaxValue ? (int)extent : throw TooLarge();
        }

        return new Shape(extents);
    }

    /// <summary>A copy with one extent replaced.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such dimension.</exception>
    /// <exception cref="ShapeException">The extent is negative and no multiple of the batch size.</exception>
    public Shape With(int dimension, int extent)
    {
        int[] extents = [.. _extents];
        extents[Position(dimension)] = Check(extent);
        return new Shape(extents);
    }

    /// <summary>A copy without one dimension.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such dimension.</exception>
    public Shape Without(int dimension)
    {
        int axis = Position(dimension);
        return new Shape([.. _extents[..axis], .. _extents[(axis + 1)..]]);
    }

    /// <summary>Row-major strides in elements.</summary>
    /// <exception cref="ShapeException">The batch size is still open, or a stride is more than 2^31 − 1.</exception>
    public int[] Strides()
    {
        var strides = new int[Rank];
        long stride = 1;
        for (int i = Rank - 1; i >= 0; i--)
        {
            strides[i] = stride <= int.MaxValue ? (int)stride : throw TooLarge();
            stride *= IsOpen(_extents[i]) ? throw StillOpen() : _extents[i];
        }

        return strides;
    }

    /// <inheritdoc/>
    public bool Equals(Shape? other) => other is not null && _extents.AsSpan().SequenceEqual(other._extents);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Shape);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (int extent in _extents)
        {
            hash.Add(extent);
        }

        return hash.ToHashCode();
    }

    /// <summary>For example <c>[B, 784]</c> or <c>[28·B, 128]</c>.</summary>
    public override string ToString() => $"[{string.Join(", ", _extents.Select(Text))}]";

    IEnumerator<int> IEnumerable<int>.GetEnumerator() => ((IEnumerable<int>)_extents).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _extents.GetEnumerator();

    /// <summary>An extent as messages print it: the number, or a multiple of B for the batch.</summary>
    internal static string Text(int extent) => !IsOpen(extent) ? extent.ToString()
        : extent == Batch ? "B" : $"{Coefficient(extent)}·B";

    /// <summary>True for a multiple of the batch size, which is not known before a plan is made.</summary>
    internal static bool IsOpen(int extent) => extent < 0;

    /// <summary>The extent of the dimensions from <paramref name="first"/> on, <paramref name="count"/> of them, viewed as one.</summary>
    /// <exception cref="ShapeException">The extents hold the batch size more than once, or their product is too large.</exception>
    internal int Product(int first, int count)
    {
        (long coefficient, int power) = new Shape([.. _extents.AsSpan(first, count)]).Count();
        return power > 1 ? throw new ShapeException($"the batch size is a factor of {this} more than once")
            : coefficient > (power == 0 ? int.MaxValue : MostBatches) ? throw TooLarge()
            : power == 0 ? (int)coefficient : Batches((int)coefficient);
    }

    /// <summary>The shape as a matrix: the last dimension is the columns, the others together the rows.</summary>
    internal (int Rows, int Columns) AsMatrix() => Rank == 0 ? (1, 1) : (Product(0, Rank - 1), this[-1]);

    /// <summary>
    /// The number of elements of a shape without batch size. Bounds what any of the dimensions make together, even where another one is
    /// empty, so that positions and strides fit into an int.
    /// </summary>
    internal int CountElements() => IsSymbolic ? throw StillOpen()
        : _coefficient is < 0 or > int.MaxValue ? throw TooLarge()
        : _isEmpty ? 0 : (int)_coefficient;

    private static int Coefficient(int extent) => extent == Batch ? 1 : extent - int.MinValue;

    private static int Check(int extent) => extent >= Batch || extent - int.MinValue is > 1 and <= MostBatches
        ? extent
        : throw new ShapeException($"an extent must be ≥ 0, Shape.Batch or Shape.Batches(k), got {extent}");

    private int Position(int dimension)
    {
        int position = dimension < 0 ? dimension + Rank : dimension;
        return position >= 0 && position < Rank
            ? position
            : throw new ArgumentOutOfRangeException(nameof(dimension), dimension, $"{this} has {Rank} dimensions");
    }

    private ShapeException TooLarge() => new($"{this} has more than {int.MaxValue} elements");

    private ShapeException StillOpen() => new($"the batch size of {this} is still open");
}

/// <summary>The number of elements of a shape.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public static class ShapeLength
{
    // An extension, because the compiler takes a type's own Length for the number of items that [.. shape, 1] spreads.
    extension(Shape shape)
    {
        /// <summary>Number of elements.</summary>
        /// <exception cref="ShapeException">The batch size is still open, or the count exceeds 2^31 − 1.</exception>
        public int Length
        {
            get
            {
                ArgumentNullException.ThrowIfNull(shape);
                return shape.CountElements();
            }
        }
    }
}
