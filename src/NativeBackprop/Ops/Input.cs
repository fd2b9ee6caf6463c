namespace NativeBackprop.Ops;

/// <summary>A value handed in by the caller at every run.</summary>
internal sealed record Input(string LeafName, Shape Shape, RowKind? Kind = null) : Leaf(LeafName, Shape)
{
    internal override RowKind? KindOf(ReadOnlySpan<Node> inputs, Shape shape) => Kind ?? base.KindOf(inputs, shape);
}

/// <summary>Class indices handed in by the caller: int32 values in 0..Classes−1.</summary>
internal sealed record Labels(string LeafName, Shape Shape, int Classes) : Leaf(LeafName, Shape)
{
    /// <summary>How many classes there are, at least 1.</summary>
    public int Classes { get; } = Classes > 0
        ? Classes
        : throw new OptionException($"{LeafName}: the number of classes must be at least 1, got {Classes}");

    internal override ElementType ElementType => ElementType.Int32;

    internal override int IndexBound => Classes;
}
