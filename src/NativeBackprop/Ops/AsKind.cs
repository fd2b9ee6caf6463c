namespace NativeBackprop.Ops;

/// <summary>The same value, taken for another kind of row: a sequence for a signal, or the other way round. A view.</summary>
internal sealed record AsKind(RowKind Kind) : Op
{
    internal override bool IsView => true;

    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => byRow[0];

    internal override RowKind? KindOf(ReadOnlySpan<Node> inputs, Shape shape) => Kind;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0].Rank == 3 && Kind is (RowKind.Sequence or RowKind.Signal)
        ? inputs[0]
        : throw new ShapeException($"only a sequence or a signal, of three dimensions, can be taken for the other, got {inputs[0]}");

    internal override Node? Gradient(Node node, int input, Node dy) => dy;

    internal override Kernel CreateKernel(KernelArguments arguments) => throw Refusal.InvalidOperation("a view needs no kernel");

    internal override void Evaluate(ReferenceArguments arguments) => arguments.Inputs[0].CopyTo(arguments.Output, 0);
}
