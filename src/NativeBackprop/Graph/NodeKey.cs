namespace NativeBackprop;

/// <summary>
/// What makes two nodes the same: the op, the inputs, and how often each variable that is read had been written before.
/// </summary>
/// <param name="op">The op.</param>
/// <param name="inputs">Its inputs.</param>
/// <param name="versions">How often the variable behind each input had been written; null when none had.</param>
internal readonly struct NodeKey(Op op, Node[] inputs, int[]? versions) : IEquatable<NodeKey>
{
    private Op Op => op;

    private Node[] Inputs => inputs;

    private int[]? Versions => versions;

    public bool Equals(NodeKey other) =>
        op.Equals(other.Op) && inputs.AsSpan().SequenceEqual(other.Inputs) && versions.AsSpan().SequenceEqual(other.Versions);

    public override bool Equals(object? obj) => obj is NodeKey other && Equals(other);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(op);
        foreach (Node input in inputs)
        {
            hash.Add(input.Index);
        }

        foreach (int version in versions.AsSpan())
        {
            hash.Add(version);
        }

        return hash.ToHashCode();
    }
}
