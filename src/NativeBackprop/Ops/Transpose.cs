namespace NativeBackprop.Ops;

/// <summary>Permutes the dimensions: dimension i of the result is dimension Permutation[i] of x. Its gradient is permuted back.</summary>
internal sealed record Transpose : Op
{
    private readonly int[] _permutation;

    /// <summary>Makes the op for a permutation of 0..rank−1.</summary>
    public Transpose(ReadOnlySpan<int> permutation) => _permutation = permutation.ToArray();

    /// <summary>Which dimension of x each dimension of the result is.</summary>
    public ReadOnlySpan<int> Permutation => _permutation;

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

        return dy.Graph.Add(new Transpose(inverse), dy);
    }

    internal override Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand x, Operand y) = (arguments.Inputs[0], arguments.Output);
        return new StridedCopyKernel(y.Shape, x, 0, Strides(x.Shape), y, 0, y.Shape.Strides());
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
