namespace NativeBackprop.Ops;

/// <summary>
/// y = x, as a value of its own that is not there before <c>after</c> is: what is computed from it is computed a second time, instead of being the
/// node that is there already. A view, without a kernel. Inputs: x, after.
/// </summary>
public sealed record Recompute : Op
{
    /// <inheritdoc/>
    public override bool IsView => true;

    /// <inheritdoc/>
    public override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0];

    /// <inheritdoc/>
    public override Node? Gradient(Node node, int input, Node dy) => input == 0 ? dy : null;

    /// <inheritdoc/>
    public override Kernel CreateKernel(KernelArguments arguments) => throw new InvalidOperationException("a view needs no kernel");

    /// <inheritdoc/>
    public override void Evaluate(ReferenceArguments arguments) => arguments.Inputs[0].CopyTo(arguments.Output, 0);
}
