using System.Collections;
using System.Runtime.CompilerServices;

namespace NativeBackprop;

/// <summary>
/// The extents of a tensor, outermost first. An extent may be <see cref="Batch"/>, which stands for the batch size
/// that a plan is compiled for. Immutable, compared by value.
/// </summary>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public sealed class Shape : IEquatable<Shape>, IEnumerable<int>
{
    /// <summary>The extent that a plan replaces by its batch size.</summary>
    public const int Batch = -1;

    /// <summary>The shape of a single number.</summary>
    public static readonly Shape Scalar = new([]);

    private readonly int[] _extents;

    private Shape(int[] extents) => _extents = extents;

    /// <summary>Number of dimensions; 0 for a scalar.</summary>
    public int Rank => _extents.Length;

    /// <summary>The extents, outermost first.</summary>
    public ReadOnlySpan<int> Extents => _extents;

    /// <summary>True when an extent is <see cref="Batch"/>.</summary>
    public bool IsSymbolic => _extents.AsSpan().Contains(Batch);

    /// <summary>The extent of a dimension; negative indices count from the end.</summary>
    public int this[int dimension] => _extents[dimension < 0 ? dimension + Rank : dimension];

    /// <summary>Builds a shape from its extents.</summary>
    /// <exception cref="ShapeException">An extent is negative and not <see cref="Batch"/>.</exception>
    public static Shape Create(ReadOnlySpan<int> extents)
    {
        foreach (int extent in extents)
        {
            if (extent < Batch)
            {
                throw new ShapeException($"an extent must be ≥ 0 or Shape.Batch, got {extent}");
            }
        }

        return new Shape(extents.ToArray());
    }

    /// <summary>The shape of <c>a ∘ b</c> under numpy's broadcasting rule.</summary>
    /// <exception cref="ShapeException">Two extents differ and neither is 1.</exception>
    public static Shape Broadcast(Shape a, Shape b)
    {
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

    /// <summary>The number of elements as coefficient × batch^power, so that symbolic shapes can be compared.</summary>
    public (long Coefficient, int BatchPower) Count()
    {
        long coefficient = 1;
        int power = 0;
        foreach (int extent in _extents)
        {
            (coefficient, power) = extent == Batch ? (coefficient, power + 1) : (checked(coefficient * extent), power);
        }

        return (coefficient, power);
    }

    /// <summary>Replaces <see cref="Batch"/> by a batch size.</summary>
    public Shape Resolve(int batchSize) =>
        IsSymbolic ? new Shape([.. _extents.Select(extent => extent == Batch ? batchSize : extent)]) : this;

    /// <summary>A copy with one extent replaced.</summary>
    public Shape With(int dimension, int extent)
    {
        int[] extents = [.. _extents];
        extents[dimension < 0 ? dimension + Rank : dimension] = extent;
        return new Shape(extents);
    }

    /// <summary>A copy without one dimension.</summary>
    public Shape Without(int dimension)
    {
        int axis = dimension < 0 ? dimension + Rank : dimension;
        return new Shape([.. _extents[..axis], .. _extents[(axis + 1)..]]);
    }

    /// <summary>Row-major strides in elements.</summary>
    /// <exception cref="ShapeException">The batch size is still open.</exception>
    public int[] Strides()
    {
        var strides = new int[Rank];
        int stride = 1;
        for (int i = Rank - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= IsSymbolic ? throw new ShapeException($"the batch size of {this} is still open") : _extents[i];
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

    /// <summary>For example <c>[B, 784]</c>.</summary>
    public override string ToString() => $"[{string.Join(", ", _extents.Select(Text))}]";

    IEnumerator<int> IEnumerable<int>.GetEnumerator() => ((IEnumerable<int>)_extents).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _extents.GetEnumerator();

    /// <summary>An extent as messages print it: the number, or B for the batch.</summary>
    internal static string Text(int extent) => extent == Batch ? "B" : extent.ToString();
}

/// <summary>The number of elements of a shape.</summary>
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
                (long count, int batches) = shape.Count();
                return batches != 0
                    ? throw new ShapeException($"the batch size of {shape} is still open")
                    : count > int.MaxValue ? throw new ShapeException($"{shape} has more than {int.MaxValue} elements") : (int)count;
            }
        }
    }
}
