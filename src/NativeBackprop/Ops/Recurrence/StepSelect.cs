namespace NativeBackprop.Ops;

/// <summary>
/// A row of a where the sequence has the step, of b where it is over: y[r] = Step &lt; length[r] ? a[r] : b[r]. Inputs: a and b [B, ..],
/// lengths [B].
/// </summary>
internal sealed record StepSelect(int Step) : Op
{
    internal override int Arity => 3;

    internal override bool CanOverwrite(int input, int output) => input < 2;

    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => true;

    internal override ElementType InputType(int input) => input == 2 ? ElementType.Int32 : ElementType.Float32;

    internal override int IndexLimit(int input, ReadOnlySpan<Shape> inputs) => int.MaxValue;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) =>
        inputs[0].Equals(inputs[1]) && inputs[0].Rank > 0 && inputs[2].Equals([inputs[0][0]])
            ? inputs[0]
            : throw new ShapeException($"expected two of [B, ..] and lengths [B], got {inputs[0]}, {inputs[1]} and {inputs[2]}");

    internal override Node? Gradient(Node node, int input, Node dy)
    {
        Node zero = dy.Graph.Constant(0, dy.Shape), lengths = node.Inputs[2];
        return input == 0 ? dy.Graph.Add(this, dy, zero, lengths) : input == 1 ? dy.Graph.Add(this, zero, dy, lengths) : null;
    }

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand a, Operand b) = (arguments.Inputs[0], arguments.Inputs[1]);
        (Operand lengths, Operand y) = (arguments.Inputs[2], arguments.Output);
        int rows = y.Shape[0], width = rows == 0 ? 0 : y.Length / rows;
        return RangeKernel.OfRows("copy by length", rows, width, 2, (first, count) =>
        {
            for (int r = first; r < first + (int)count; r++)
            {
                Operand from = Step < ((int*)lengths.Data)[r] ? a : b;
                long at = (long)r * width, bytes = sizeof(float) * (long)width;
                Buffer.MemoryCopy(from.Data + at, y.Data + at, bytes, bytes);
            }
        });
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        for (int i = 0; i < arguments.Output.Length; i++)
        {
            int row = i / (arguments.Output.Length / arguments.OutputShape[0]);
            arguments.Output[i] = arguments.Inputs[Step < arguments.Inputs[2][row] ? 0 : 1][i];
        }
    }
}
