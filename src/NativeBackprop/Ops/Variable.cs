namespace NativeBackprop.Ops;

/// <summary>A leaf whose memory is a <see cref="NativeBackprop.Parameter"/>, shared by every plan that reads it.</summary>
internal sealed record Variable(Parameter Parameter) : Leaf(Parameter.Name, Parameter.Shape)
{
    // Pure, so that one parameter is one node of a graph however often it is asked for.
    internal override bool IsPure => true;

    internal override bool IsVariable => true;
}
