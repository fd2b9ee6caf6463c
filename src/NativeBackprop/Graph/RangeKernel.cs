namespace NativeBackprop;

/// <summary>
/// A kernel that is one call on a range of its units. What the units are (elements, columns, rows) says where a split may fall and what
/// the call costs.
/// </summary>
internal sealed class RangeKernel : Kernel
{
    private readonly string _call;
    private readonly RangeAction _run;

    private RangeKernel(string call, int units, int grain, long flops, long floats, RangeAction run) =>
        (_call, Units, Grain, Flops, Bytes, _run) = (call, units, grain, flops, sizeof(float) * floats, run);

    /// <summary>The call on <paramref name="count"/> units from <paramref name="begin"/> on.</summary>
    public delegate void RangeAction(int begin, nuint count);

    public override string Call => _call;

    /// <summary>A pass over elements that lie in one piece.</summary>
    /// <param name="call">What the plan prints.</param>
    /// <param name="length">How many elements.</param>
    /// <param name="operands">How many values of that length are read or written.</param>
    /// <param name="flops">Floating-point operations for each element.</param>
    /// <param name="run">The call.</param>
    public static RangeKernel OfElements(string call, int length, int operands, int flops, RangeAction run) =>
        new(call, length, PinnedBuffer.AlignmentInFloats, (long)flops * length, (long)operands * length, run);

    /// <summary>The step of an optimizer on each element of a parameter: about two operations for each operand.</summary>
    /// <inheritdoc cref="OfElements"/>
    public static RangeKernel OfUpdate(string call, int length, int operands, RangeAction run) =>
        OfElements(call, length, operands, 2 * operands, run);

    /// <summary>A pass down the columns of a matrix.</summary>
    /// <inheritdoc cref="OfRows"/>
    public static RangeKernel OfColumns(string call, int rows, int columns, int operands, RangeAction run) =>
        new(call, columns, PinnedBuffer.AlignmentInFloats, 2L * rows * columns, (long)operands * rows * columns, run);

    /// <summary>A pass over the rows of a matrix: of all dimensions but the last.</summary>
    /// <param name="call">What the plan prints.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Length of a row.</param>
    /// <param name="operands">How many matrices of that size are read or written.</param>
    /// <param name="run">The call.</param>
    public static RangeKernel OfRows(string call, int rows, int columns, int operands, RangeAction run) =>
        new(call, rows, 1, 4L * rows * columns, (long)operands * rows * columns, run);

    /// <summary>A reduction over the middle of [outer, reduce, inner], by outer indices.</summary>
    public static RangeKernel OfReductions(string call, int outer, int reduce, int inner, RangeAction run) =>
        new(call, outer, 1, (long)outer * reduce * inner, (long)outer * (reduce + 1) * inner, run);

    /// <summary>A pass over windows of images, by rows of pixels or by images.</summary>
    /// <param name="call">What the plan prints.</param>
    /// <param name="units">How many rows or images.</param>
    /// <param name="floats">Numbers read or written.</param>
    /// <param name="flops">Floating-point operations.</param>
    /// <param name="run">The call.</param>
    public static RangeKernel OfWindows(string call, int units, long floats, long flops, RangeAction run) =>
        new(call, units, 1, flops, floats, run);

    public override void Run(int begin, int end, int thread) => _run(begin, (nuint)(end - begin));
}
