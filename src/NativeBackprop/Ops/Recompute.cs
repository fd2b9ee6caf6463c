namespace NativeBackprop.Ops;

/// <summary>
/// y = x, as a value of its own that is not there before <c>after</c> is: what is computed from it is computed a second time, instead of
/// being the node that is there already. A view, without a kernel. Inputs: x, after.
/// </summary>
internal sealed record Recompute : Op
{
    internal override int Arity => 2;

    internal override bool IsView => true;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0];

    internal override Node? Gradient(Node node, int input, Node dy) => input == 0 ? dy : null;

    internal override Kernel CreateKernel(KernelArguments arguments) => throw Refusal.InvalidOperation("a view needs no kernel");

    internal override void Evaluate(ReferenceArguments arguments) => arguments.Inputs[0].CopyTo(arguments.Output, 0);
}
