namespace NativeBackprop.Ops;

/// <summary>
/// y = x as it was when this node was made: where x stands for a variable, later updates do not change y. A view, without a kernel; where
/// y is needed after an update, the plan keeps a copy.
/// </summary>
internal sealed record AsOf : Op
{
    internal override bool IsView => true;

    internal override bool IsTransparent => false;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0];

    internal override Node? Gradient(Node node, int input, Node dy) => dy;

    internal override Kernel CreateKernel(KernelArguments arguments) => throw Refusal.InvalidOperation("a view needs no kernel");

    internal override void Evaluate(ReferenceArguments arguments) => arguments.Inputs[0].CopyTo(arguments.Output, 0);
}
