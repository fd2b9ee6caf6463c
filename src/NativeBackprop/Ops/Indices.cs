namespace NativeBackprop.Ops;

/// <summary>
/// Whole numbers handed in by the caller at every run, int32 in <see cref="IndexRange"/>: classes, rows of a table, lengths of sequences.
/// </summary>
internal sealed record Indices(string LeafName, Shape Shape, IndexRange Range) : Leaf(LeafName, Shape)
{
    internal override ElementType ElementType => ElementType.Int32;

    internal override IndexRange IndexRange => Range;
}
