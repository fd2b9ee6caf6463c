namespace NativeBackprop.Ops;

/// <summary>The same elements under another shape, without copying.</summary>
internal sealed record Reshape(Shape Shape) : Op
{
    internal override bool IsView => true;

    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => byRow[0];

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0].Count() == Shape.Count()
        ? Shape
        : throw new ShapeException($"{inputs[0]} and {Shape} differ in their number of elements");

    internal override Node? Gradient(Node node, int input, Node dy) => dy.Reshape(node.Inputs[0].Shape);

    internal override Kernel CreateKernel(KernelArguments arguments) => throw Refusal.InvalidOperation("a view needs no kernel");

    internal override void Evaluate(ReferenceArguments arguments) => arguments.Inputs[0].CopyTo(arguments.Output, 0);
}
