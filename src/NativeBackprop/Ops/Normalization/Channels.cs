namespace NativeBackprop.Ops;

/// <summary>What the ops of a normalisation by the channel share: the last dimension is the channels, all others are rows.</summary>
internal static class Channels
{
    /// <summary>How many channels a shape has.</summary>
    /// <exception cref="ShapeException">It has fewer than two dimensions.</exception>
    public static int Of(Shape x) => x.Rank >= 2 && !Shape.IsOpen(x[-1])
        ? x[-1]
        : throw new ShapeException($"expected rows of a fixed number of channels, [B, ..., C], got {x}");

    /// <summary>A row of a packed [2, C], as [C].</summary>
    public static Node Row(Node packed, int row) => packed.Slice(0, row, 1).Reshape([packed.Shape[1]]);

    /// <summary>The mean of each channel, [C].</summary>
    public static Node Mean(Node x) => x.Graph.Add(new Mean(0, x.Shape.Rank - 1), x);

    /// <summary>The sum of each channel, [C].</summary>
    public static Node Sum(Node x) => x.Graph.Add(new Sum(0, x.Shape.Rank - 1), x);

    /// <summary>1/√(variance + ε), [C].</summary>
    public static Node Inverse(Node variance, float epsilon) => (variance + epsilon).Power(-0.5f);

    /// <summary>Throws unless an input has the shape that another one asks for.</summary>
    public static void Require(string what, Shape expected, Shape actual)
    {
        if (!actual.Equals(expected))
        {
            throw new ShapeException($"{what} must have the shape {expected}, got {actual}");
        }
    }

    /// <summary>ε of a normalisation.</summary>
    /// <exception cref="OptionException">It is not a finite number above 0.</exception>
    public static float Positive(string what, float epsilon) => epsilon > 0 && float.IsFinite(epsilon)
        ? epsilon
        : throw new OptionException($"{what}'s epsilon must be a finite number above 0, got {epsilon}");
}
