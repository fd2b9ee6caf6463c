namespace NativeBackprop.Ops;

/// <summary>A native call on the rows of a matrix (all dimensions but the last), which threads share by rows.</summary>
internal sealed class RowKernel : Kernel
{
    private readonly string _call;
    private readonly RowAction _run;

    /// <param name="call">The native function's name.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Length of a row.</param>
    /// <param name="operands">How many matrices of that size are read or written, for the byte count.</param>
    /// <param name="run">The call, given the first row and the number of rows.</param>
    public RowKernel(string call, int rows, int columns, int operands, RowAction run)
    {
        (_call, _run, Units) = (call, run, rows);
        (Flops, Bytes) = (4L * rows * columns, (long)operands * sizeof(float) * rows * columns);
    }

    /// <summary>The row-wise call on rows first..first+count−1.</summary>
    public delegate void RowAction(int first, nuint count);

    public override string Call => _call;

    public override void Run(int begin, int end, int thread) => _run(begin, (nuint)(end - begin));

    /// <summary>Splits a shape into rows and columns: the last dimension is the columns.</summary>
    public static (int Rows, int Columns) Split(Shape shape)
    {
        int columns = shape.Rank == 0 ? 1 : shape[-1], rows = 1;
        for (int d = 0; d < shape.Rank - 1; d++)
        {
            rows *= shape[d];
        }

        return (rows, columns);
    }
}
