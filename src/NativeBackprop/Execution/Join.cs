namespace NativeBackprop;

/// <summary>
/// Values put together in one along the leading axis: each from its start on, zeros where there are none. A plan does not run it: what
/// has its place in the result already is there, the rest is copied (<see cref="Placement"/>).
/// </summary>
/// <param name="Title">What the graph calls it.</param>
/// <param name="Starts">Where each input starts in the result, in elements, ascending.</param>
internal sealed record Join(string Title, int[] Starts) : Operation
{
    public override string Name => Title;

    internal override Kernel CreateKernel(KernelArguments arguments) =>
        throw new InvalidOperationException("values are put together by placing or copying each");
}

/// <summary>y = x, for a value that cannot be where it is wanted.</summary>
internal sealed record Copy : Operation
{
    internal override Kernel CreateKernel(KernelArguments arguments) => CreateKernel(arguments.Inputs[0], arguments.Output);

    internal static unsafe Kernel CreateKernel(Operand x, Operand y) =>
        new FlatKernel("copy", y.Length, 2, (begin, n) => Buffer.MemoryCopy(x.Data + begin, y.Data + begin, 4L * n, 4L * n));
}

/// <summary>y = 0.</summary>
internal sealed record Clear : Operation
{
    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        Operand y = arguments.Output;
        return new FlatKernel("clear", y.Length, 1, (begin, n) => new Span<float>(y.Data + begin, n).Clear());
    }
}

/// <summary>A pass over elements that lie in one piece.</summary>
internal sealed class FlatKernel : Kernel
{
    private readonly string _call;
    private readonly Action<int, int> _run;

    /// <param name="call">What the plan prints.</param>
    /// <param name="length">How many elements.</param>
    /// <param name="operands">How many values of that length are read or written.</param>
    /// <param name="run">The pass over a range, given its first element and its length.</param>
    public FlatKernel(string call, int length, int operands, Action<int, int> run)
    {
        (_call, _run, Units, Grain) = (call, run, length, PinnedBuffer.AlignmentInFloats);
        Bytes = (long)operands * sizeof(float) * length;
    }

    public override string Call => _call;

    public override void Run(int begin, int end, int thread) => _run(begin, end - begin);
}
