namespace NativeBackprop.Ops;

/// <summary>
/// Walks several row-major operands through one output shape: broadcasting (stride 0), transposing, slicing. Adjacent
/// dimensions that every operand walks evenly are merged, so that the innermost run is as long as it can be.
/// </summary>
internal sealed class StridedLoop
{
    private readonly int[] _extents;
    private readonly int[][] _strides;

    /// <param name="shape">The shape walked through.</param>
    /// <param name="strides">For each operand, its stride along every dimension of <paramref name="shape"/>.</param>
    public StridedLoop(Shape shape, params int[][] strides)
        : this(strides, shape.Extents)
    {
    }

    private StridedLoop(int[][] strides, ReadOnlySpan<int> shape)
    {
        var extents = new List<int>();
        List<int>[] merged = [.. strides.Select(_ => new List<int>())];
        for (int d = 0; d < shape.Length; d++)
        {
            if (shape[d] == 1)
            {
                continue;
            }

            bool continues = extents.Count > 0;
            for (int o = 0; continues && o < strides.Length; o++)
            {
                continues = merged[o][^1] == strides[o][d] * shape[d];
            }

            if (!continues)
            {
                extents.Add(1);
                Array.ForEach(merged, list => list.Add(0));
            }

            extents[^1] *= shape[d];
            for (int o = 0; o < strides.Length; o++)
            {
                merged[o][^1] = strides[o][d];
            }
        }

        if (extents.Count == 0)
        {
            extents.Add(1);
            Array.ForEach(merged, list => list.Add(0));
        }

        Inner = extents[^1];
        InnerStrides = [.. merged.Select(list => list[^1])];
        _extents = [.. extents[..^1]];
        _strides = [.. merged.Select(list => list[..^1].ToArray())];
        Outer = shape.Contains(0) ? 0 : _extents.Aggregate(1, (product, extent) => product * extent);
    }

    /// <summary>Length of the innermost run.</summary>
    public int Inner { get; }

    /// <summary>Number of innermost runs.</summary>
    public int Outer { get; }

    /// <summary>For each operand, the stride inside a run.</summary>
    public int[] InnerStrides { get; }

    /// <summary>Length of the dimension around the innermost run; 1 when there is none.</summary>
    public int Next => _extents.Length > 0 ? _extents[^1] : 1;

    /// <summary>The stride of an operand along the dimension around the innermost run.</summary>
    public int NextStride(int operand) => _strides[operand][^1];

    /// <summary>
    /// The same walk in another order: a dimension that an operand is contiguous along comes to stand around the innermost run. Null when
    /// it is contiguous along the innermost one, or along none.
    /// </summary>
    public StridedLoop? WithNextContiguous(int operand)
    {
        int at = InnerStrides[operand] == 1 ? -1 : Array.IndexOf(_strides[operand], 1);
        if (at < 0)
        {
            return null;
        }

        int[] order = [.. Enumerable.Range(0, _extents.Length).Where(d => d != at), at];
        return new StridedLoop(
            [.. _strides.Select((own, o) => order.Select(d => own[d]).Append(InnerStrides[o]).ToArray())],
            [.. order.Select(d => _extents[d]), Inner]);
    }

    /// <summary>The strides of an operand broadcast to a shape: 0 along the dimensions it is repeated over.</summary>
    public static int[] Broadcast(Shape operand, Shape shape)
    {
        int[] own = operand.Strides(), strides = new int[shape.Rank];
        for (int i = 1; i <= operand.Rank; i++)
        {
            strides[^i] = operand[-i] == 1 ? 0 : own[^i];
        }

        return strides;
    }

    /// <summary>Where run <paramref name="row"/> of an operand starts, in elements.</summary>
    public int Offset(int operand, int row)
    {
        int offset = 0;
        for (int d = _extents.Length - 1; d >= 0; d--)
        {
            (row, int index) = Math.DivRem(row, _extents[d]);
            offset += index * _strides[operand][d];
        }

        return offset;
    }
}

/// <summary>y[…] = x[…] through two stride maps: broadcast, transpose, slice and concatenate all come down to this.</summary>
internal sealed unsafe class StridedCopyKernel : Kernel
{
    private readonly StridedLoop _loop;
    private readonly Operand _x, _y;
    private readonly int _xStart, _yStart;

    public StridedCopyKernel(Shape shape, Operand x, int xStart, int[] xStrides, Operand y, int yStart, int[] yStrides)
    {
        (_x, _xStart, _y, _yStart) = (x, xStart, y, yStart);
        _loop = new StridedLoop(shape, xStrides, yStrides);
        Units = _loop.Outer;
        Bytes = 2L * sizeof(float) * shape.Length;
    }

    public override string Call => "copy";

    public override void Run(int begin, int end, int thread)
    {
        int n = _loop.Inner, dx = _loop.InnerStrides[0], dy = _loop.InnerStrides[1];
        for (int row = begin; row < end; row++)
        {
            float* x = _x.Data + _xStart + _loop.Offset(0, row), y = _y.Data + _yStart + _loop.Offset(1, row);
            if (dy == 1 && dx == 1)
            {
                Buffer.MemoryCopy(x, y, sizeof(float) * (long)n, sizeof(float) * (long)n);
            }
            else if (dy == 1 && dx == 0)
            {
                new Span<float>(y, n).Fill(*x);
            }
            else
            {
                for (int i = 0; i < n; i++)
                {
                    y[(long)i * dy] = x[(long)i * dx];
                }
            }
        }
    }
}
