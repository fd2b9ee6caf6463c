namespace NativeBackprop.Ops;

/// <summary>Repeats x along the dimensions where it has extent 1, as numpy does. Its gradient sums over them.</summary>
internal sealed record BroadcastTo(Shape Shape) : Op
{
    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => AlignsRows(node, byRow);

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => Shape.Broadcast(inputs[0], Shape).Equals(Shape)
        ? Shape
        : throw new ShapeException($"{inputs[0]} does not broadcast to {Shape}");

    internal override Node? Gradient(Node node, int input, Node dy) => dy.SumTo(node.Inputs[0].Shape);

    internal override Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand x, Operand y) = (arguments.Inputs[0], arguments.Output);
        return new StridedCopyKernel(y.Shape, x, 0, StridedLoop.Broadcast(x.Shape, y.Shape), y, 0, y.Shape.Strides());
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        int[] positions = Binary.Positions(arguments.Shapes[0], arguments.OutputShape);
        for (int i = 0; i < positions.Length; i++)
        {
            arguments.Output[i] = arguments.Inputs[0][positions[i]];
        }
    }
}
