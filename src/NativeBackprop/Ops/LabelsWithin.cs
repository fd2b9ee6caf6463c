namespace NativeBackprop.Ops;

/// <summary>
/// The class at each step of a sequence, and no class (<see cref="IndexRange.NoClass"/>) beyond its length. Inputs: labels [B, T], lengths
/// [B].
/// </summary>
/// <param name="Range">Where the labels lie.</param>
internal sealed record LabelsWithin(IndexRange Range) : Op
{
    internal override int Arity => 2;

    internal override ElementType ElementType => ElementType.Int32;

    internal override IndexRange IndexRange => Range with { AllowsNone = true };

    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => true;

    internal override ElementType InputType(int input) => ElementType.Int32;

    internal override int IndexLimit(int input, ReadOnlySpan<Shape> inputs) => input == 0 ? Range.Bound : int.MaxValue;

    internal override bool TakesNoClass(int input) => input == 0;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0].Rank == 2 && inputs[1].Equals([inputs[0][0]])
        ? inputs[0]
        : throw new ShapeException($"expected labels [B, T] and lengths [B], got {inputs[0]} and {inputs[1]}");

    internal override Node? Gradient(Node node, int input, Node dy) => null;

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand labels, Operand lengths, Operand y) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Output);
        (int rows, int steps) = (y.Shape[0], y.Shape[1]);
        return RangeKernel.OfRows("copy by length", rows, steps, 2, (first, count) =>
        {
            for (int r = first; r < first + (int)count; r++)
            {
                int length = ((int*)lengths.Data)[r];
                Span<int> from = new((int*)labels.Data + ((long)r * steps), steps), to = new((int*)y.Data + ((long)r * steps), steps);
                from[..length].CopyTo(to);
                to[length..].Fill(IndexRange.NoClass);
            }
        });
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        int steps = arguments.OutputShape[1];
        for (int i = 0; i < arguments.Output.Length; i++)
        {
            arguments.Output[i] = i % steps < arguments.Inputs[1][i / steps] ? arguments.Inputs[0][i] : IndexRange.NoClass;
        }
    }
}
