namespace NativeBackprop.Ops;

/// <summary>
/// A reduction down the columns of a matrix, in blocks of rows whose parts are joined in their order by whoever finishes last. The blocks
/// depend on the shape alone, so the result has the same bits for any number of threads; narrow matrices are shared by their rows, flat
/// ones by their columns.
/// </summary>
internal sealed unsafe class BlockKernel : Kernel
{
    /// <summary>Rows of a block: a strip of two vectors of them stays in the first cache.</summary>
    public const int Rows = 128;

    // Columns of a unit.
    private const int Columns = 64;

    private readonly string _call;
    private readonly int _rows, _columns, _partRows, _groups;
    private readonly BlockAction _block;
    private readonly JoinAction _join;
    private int _done;

    /// <param name="call">What the plan prints.</param>
    /// <param name="rows">Rows of the matrix.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="partRows">Rows of a block's part of the result, of as many columns.</param>
    /// <param name="operands">How many matrices of that size are read.</param>
    /// <param name="block">Computes some columns of a block's part.</param>
    /// <param name="join">Computes the result from the parts, which lie one after the other.</param>
    public BlockKernel(string call, int rows, int columns, int partRows, int operands, BlockAction block, JoinAction join)
    {
        (_call, _rows, _columns, _partRows, _block, _join) = (call, rows, columns, partRows, block, join);
        Blocks = Math.Max(1, (rows + Rows - 1) / Rows);
        _groups = (columns + Columns - 1) / Columns;
        Units = checked(Blocks * _groups);
        (Flops, Bytes) = (4L * rows * columns, (long)operands * sizeof(float) * rows * columns);
        WorkspaceShared = (long)sizeof(float) * Blocks * partRows * columns;
    }

    /// <summary>Computes columns [column, column + columns) of the part of rows [row, row + rows).</summary>
    public delegate void BlockAction(int row, int rows, int column, int columns, float* part);

    /// <summary>Joins the parts; the last block has fewer rows than the others.</summary>
    public delegate void JoinAction(float* parts, int blocks, int lastRows);

    public int Blocks { get; }

    public override string Call => _call;

    public override void Run(int begin, int end, int thread)
    {
        for (int unit = begin; unit < end; unit++)
        {
            (int block, int group) = Math.DivRem(unit, _groups);
            int row = block * Rows, column = group * Columns;
            float* part = SharedWorkspace + ((long)block * _partRows * _columns) + column;
            _block(row, Math.Min(Rows, _rows - row), column, Math.Min(Columns, _columns - column), part);
        }

        if (end > begin && Interlocked.Add(ref _done, end - begin) == Units)
        {
            Volatile.Write(ref _done, 0);
            _join(SharedWorkspace, Blocks, _rows - ((Blocks - 1) * Rows));
        }
    }
}
