namespace NativeBackprop.Ops;

/// <summary>An op without inputs. Its value is bound, stored or constant.</summary>
public abstract record Leaf(string LeafName, Shape Shape) : Op, ILeaf
{
    /// <inheritdoc/>
    public override bool IsPure => false;

    /// <inheritdoc/>
    public override Shape InferShape(ReadOnlySpan<Shape> inputs) => Shape;

    /// <inheritdoc/>
    public override Node? Gradient(Node node, int input, Node dy) => null;

    /// <inheritdoc/>
    public override Kernel CreateKernel(KernelArguments arguments) =>
        throw new InvalidOperationException($"{LeafName} is a leaf: its memory is bound, not computed");

    /// <inheritdoc/>
    public override void Evaluate(ReferenceArguments arguments) =>
        throw new InvalidOperationException($"{LeafName} is a leaf: its value is given, not computed");
}
