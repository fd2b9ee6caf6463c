namespace NativeBackprop.Ops;

/// <summary>
/// x where a sequence has the step, 0 beyond its length, whatever stands there. Inputs: x, [B, T, ..] or, steps first, [T, B, ..], and
/// lengths [B]. Its own transpose.
/// </summary>
internal sealed record SequenceMask(bool StepsFirst) : Op
{
    internal override int Arity => 2;

    internal override bool CanOverwrite(int input, int output) => input == 0;

    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => !StepsFirst;

    internal override ElementType InputType(int input) => input == 1 ? ElementType.Int32 : ElementType.Float32;

    internal override int IndexLimit(int input, ReadOnlySpan<Shape> inputs) => int.MaxValue;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) =>
        inputs[0].Rank > 1 && inputs[1].Equals([inputs[0][StepsFirst ? 1 : 0]])
            ? inputs[0]
            : throw new ShapeException(
                $"expected a sequence {(StepsFirst ? "[T, B, ..]" : "[B, T, ..]")} and lengths [B], got {inputs[0]} and {inputs[1]}");

    internal override Node? Gradient(Node node, int input, Node dy) => input == 0 ? dy.Graph.Add(this, dy, node.Inputs[1]) : null;

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand x, Operand lengths, Operand y) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Output);
        int inner = y.Shape[1], rows = y.Shape[0] * inner, width = rows == 0 ? 0 : y.Length / rows;
        return RangeKernel.OfRows("copy by length", rows, width, 2, (first, count) =>
        {
            for (int r = first; r < first + (int)count; r++)
            {
                (int step, int row) = StepsFirst ? (r / inner, r % inner) : (r % inner, r / inner);
                long at = (long)r * width, bytes = sizeof(float) * (long)width;
                if (step < ((int*)lengths.Data)[row])
                {
                    Buffer.MemoryCopy(x.Data + at, y.Data + at, bytes, bytes);
                }
                else
                {
                    new Span<float>(y.Data + at, width).Clear();
                }
            }
        });
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        int inner = arguments.OutputShape[1], width = arguments.Output.Length / Math.Max(1, arguments.OutputShape[0] * inner);
        for (int i = 0; i < arguments.Output.Length; i++)
        {
            (int outer, int next) = Math.DivRem(i / width, inner);
            (int step, int row) = StepsFirst ? (outer, next) : (next, outer);
            arguments.Output[i] = step < arguments.Inputs[1][row] ? arguments.Inputs[0][i] : 0;
        }
    }
}
