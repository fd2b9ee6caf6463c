using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>Permutes the dimensions: dimension i of the result is dimension Permutation[i] of x. Its gradient is permuted back.</summary>
internal sealed record Transpose : Op
{
    private readonly int[] _permutation;

    /// <summary>Makes the op for a permutation of 0..rank−1.</summary>
    public Transpose(ReadOnlySpan<int> permutation) => _permutation = permutation.ToArray();

    /// <summary>Which dimension of x each dimension of the result is.</summary>
    public ReadOnlySpan<int> Permutation => _permutation;

    /// <summary>True when permuting by the other and then by this one leaves everything where it was.</summary>
    public bool Undoes(Transpose other)
    {
        for (int i = 0; i < _permutation.Length; i++)
        {
            if (_permutation.Length != other._permutation.Length || Array.IndexOf(other._permutation, i) != _permutation[i])
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public bool Equals(Transpose? other) => other is not null && _permutation.AsSpan().SequenceEqual(other._permutation);

    /// <inheritdoc/>
    public override int GetHashCode() => _permutation.Aggregate(17, HashCode.Combine);

    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => _permutation[0] == 0;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Shape x = inputs[0];
        return _permutation.Length == x.Rank && _permutation.Order().SequenceEqual(Enumerable.Range(0, x.Rank))
            ? [.. _permutation.Select(axis => x[axis])]
            : throw new ShapeException($"[{string.Join(", ", _permutation)}] is not a permutation of the {x.Rank} dimensions of {x}");
    }

    internal override Node? Gradient(Node node, int input, Node dy)
    {
        var inverse = new int[_permutation.Length];
        for (int i = 0; i < inverse.Length; i++)
        {
            inverse[_permutation[i]] = i;
        }

        return dy.Transpose(inverse);
    }

    internal override Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand x, Operand y) = (arguments.Inputs[0], arguments.Output);
        int[] from = Strides(x.Shape), to = y.Shape.Strides();
        return new StridedLoop(y.Shape, from, to).WithNextContiguous(0) is { } loop
            ? new TransposeKernel(loop, x, y)
            : new StridedCopyKernel(y.Shape, x, 0, from, y, 0, to);
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        int[] from = Strides(arguments.Shapes[0]), whole = arguments.OutputShape.Strides();
        for (int i = 0; i < arguments.Output.Length; i++)
        {
            int position = 0;
            for (int d = 0; d < from.Length; d++)
            {
                position += i / whole[d] % arguments.OutputShape[d] * from[d];
            }

            arguments.Output[i] = arguments.Inputs[0][position];
        }
    }

    private int[] Strides(Shape x)
    {
        int[] own = x.Strides();
        return [.. _permutation.Select(axis => own[axis])];
    }
}

/// <summary>
/// A stack of matrices, each transposed, which is what every permutation comes down to that takes the last dimension elsewhere: neither
/// operand is walked against its memory. Units are rows of the result.
/// </summary>
internal sealed unsafe class TransposeKernel : Kernel
{
    // The native kernel works in tiles of so many rows.
    private const int Tile = 8;

    private readonly StridedLoop _loop;
    private readonly Operand _x, _y;

    /// <param name="loop">Walks x and y: x is contiguous along the dimension around the innermost one, y along the innermost.</param>
    /// <param name="x">What is permuted.</param>
    /// <param name="y">The result.</param>
    public TransposeKernel(StridedLoop loop, Operand x, Operand y)
    {
        (_loop, _x, _y, Units, Grain) = (loop, x, y, loop.Outer, Tile);
        Bytes = 2L * sizeof(float) * x.Length;
    }

    public override string Call => "nb_transpose_f32";

    public override void Run(int begin, int end, int thread)
    {
        (nuint rows, nuint from, nuint to) = ((nuint)_loop.Inner, (nuint)_loop.InnerStrides[0], (nuint)_loop.NextStride(1));
        for (int row = begin, count; row < end; row += count)
        {
            count = Math.Min(end - row, _loop.Next - (row % _loop.Next));
            Kernels.nb_transpose_f32(_x.Data + _loop.Offset(0, row), rows, (nuint)count, from, _y.Data + _loop.Offset(1, row), to);
        }
    }
}
