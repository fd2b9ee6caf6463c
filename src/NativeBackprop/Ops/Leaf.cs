namespace NativeBackprop.Ops;

/// <summary>An op without inputs. Its value is bound, stored or constant.</summary>
internal abstract record Leaf(string LeafName, Shape Shape) : Op, ILeaf
{
    internal override bool IsPure => false;

    internal sealed override int Arity => 0;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => Shape;

    internal override Node? Gradient(Node node, int input, Node dy) => null;

    internal override Kernel CreateKernel(KernelArguments arguments) =>
        throw Refusal.InvalidOperation($"{LeafName} is a leaf: its memory is bound, not computed");

    internal override void Evaluate(ReferenceArguments arguments) =>
        throw Refusal.InvalidOperation($"{LeafName} is a leaf: its value is given, not computed");
}
