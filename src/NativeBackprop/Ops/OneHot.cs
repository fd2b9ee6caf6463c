namespace NativeBackprop.Ops;

/// <summary>1 at each label's class, 0 elsewhere: [..] class indices become [.., Classes], zeros where there is no class.</summary>
internal sealed record OneHot(int Classes) : Op
{
    internal override ElementType InputType(int input) => ElementType.Int32;

    internal override int IndexLimit(int input, ReadOnlySpan<Shape> inputs) => Classes;

    internal override bool TakesNoClass(int input) => true;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => [.. inputs[0].Extents, Classes];

    internal override Node? Gradient(Node node, int input, Node dy) => null;

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand labels, Operand y) = (arguments.Inputs[0], arguments.Output);
        return RangeKernel.OfRows("one_hot", labels.Length, Classes, 1, (first, count) =>
        {
            new Span<float>(y.Data + ((long)first * Classes), (int)count * Classes).Clear();
            for (int r = first; r < first + (int)count; r++)
            {
                if (((int*)labels.Data)[r] is var label and >= 0)
                {
                    y.Data[((long)r * Classes) + label] = 1;
                }
            }
        });
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        for (int r = 0; r < arguments.Inputs[0].Length; r++)
        {
            if (arguments.Inputs[0][r] >= 0)
            {
                arguments.Output[(r * Classes) + (int)arguments.Inputs[0][r]] = 1;
            }
        }
    }
}
