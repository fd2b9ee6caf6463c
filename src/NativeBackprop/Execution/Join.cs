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
        throw Refusal.InvalidOperation("values are put together by placing or copying each");
}

/// <summary>y = x, for a value that cannot be where it is wanted.</summary>
internal sealed record Copy : Operation
{
    internal override Kernel CreateKernel(KernelArguments arguments) => CreateKernel(arguments.Inputs[0], arguments.Output);

    internal static unsafe Kernel CreateKernel(Operand x, Operand y) =>
        RangeKernel.OfElements("copy", y.Length, 2, 0, (begin, n) => Buffer.MemoryCopy(x.Data + begin, y.Data + begin, 4 * n, 4 * n));
}

/// <summary>y = 0.</summary>
internal sealed record Clear : Operation
{
    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        Operand y = arguments.Output;
        return RangeKernel.OfElements("clear", y.Length, 1, 0, (begin, n) => new Span<float>(y.Data + begin, (int)n).Clear());
    }
}
