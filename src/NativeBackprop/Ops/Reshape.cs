namespace NativeBackprop.Ops;

/// <summary>The same elements under another shape, without copying.</summary>
public sealed record Reshape(Shape Shape) : Op
{
    /// <inheritdoc/>
    public override bool IsView => true;

    /// <inheritdoc/>
    public override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0].Count() == Shape.Count()
        ? Shape
        : throw new ShapeException($"{inputs[0]} and {Shape} differ in their number of elements");

    /// <inheritdoc/>
    public override Node? Gradient(Node node, int input, Node dy) => dy.Reshape(node.Inputs[0].Shape);

    /// <inheritdoc/>
    public override Kernel CreateKernel(KernelArguments arguments) => throw new InvalidOperationException("a view needs no kernel");

    /// <inheritdoc/>
    public override void Evaluate(ReferenceArguments arguments) => arguments.Inputs[0].CopyTo(arguments.Output, 0);
}
