namespace NativeBackprop.Ops;

/// <summary>A value handed in by the caller at every run.</summary>
internal sealed record Input(string LeafName, Shape Shape, RowKind? Kind = null) : Leaf(LeafName, Shape)
{
    internal override RowKind? KindOf(ReadOnlySpan<Node> inputs, Shape shape) => Kind ?? base.KindOf(inputs, shape);
}
