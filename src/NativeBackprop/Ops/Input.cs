namespace NativeBackprop.Ops;

/// <summary>A value handed in by the caller at every run.</summary>
internal sealed record Input(string LeafName, Shape Shape) : Leaf(LeafName, Shape);

/// <summary>Class indices handed in by the caller: int32 values in 0..Classes−1.</summary>
internal sealed record Labels(string LeafName, Shape Shape, int Classes) : Leaf(LeafName, Shape)
{
    internal override ElementType ElementType => ElementType.Int32;
}
