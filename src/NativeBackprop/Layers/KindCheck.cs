namespace NativeBackprop.Layers;

/// <summary>What kinds of rows a layer takes.</summary>
internal static class KindCheck
{
    /// <summary>Throws unless a layer's input is of one of some kinds and has the last extent that the layer asks for.</summary>
    /// <param name="input">The layer's input.</param>
    /// <param name="context">Where the layer is built.</param>
    /// <param name="layer">The layer in words, with its article: "a linear layer".</param>
    /// <param name="width">Features or channels of a row; null for any number.</param>
    /// <param name="kinds">What the layer takes.</param>
    /// <exception cref="ShapeException">The input is another one; the message has the layer, the expected and the actual.</exception>
    public static void Require(Node input, BuildContext context, string layer, int? width, params ReadOnlySpan<RowKind> kinds)
    {
        if (input.Kind is { } kind && kinds.Contains(kind) && (width is null || input.Shape[-1] == width))
        {
            return;
        }

        var expected = new List<string>();
        foreach (RowKind taken in kinds)
        {
            expected.Add(Describe(taken, width?.ToString()));
        }

        bool canFlatten = kinds.Contains(RowKind.Features) && input.Kind is (RowKind.Image or RowKind.Signal);
        throw new ShapeException($"{context.At}{layer} takes {string.Join(" or ", expected)}, got {Describe(input)}"
            + (canFlatten ? "; a flatten layer makes features of it" : ""));
    }

    /// <summary>A node as errors call it: its kind, shape and name.</summary>
    public static string Describe(Node node)
    {
        string kind = node.Kind switch
        {
            RowKind.Features => "features of shape ",
            RowKind.Sequence => "a sequence of shape ",
            RowKind.Signal => "a signal of shape ",
            RowKind.Image => "an image of shape ",
            RowKind.Indices => "indices of shape ",
            _ => "",
        };
        return $"{kind}{node.Shape} from {node}";
    }

    private static string Describe(RowKind kind, string? width) => kind switch
    {
        RowKind.Features => $"features [B, {width ?? "F"}]",
        RowKind.Sequence => $"a sequence [B, T, {width ?? "F"}]",
        RowKind.Signal => $"a signal [B, L, {width ?? "C"}]",
        RowKind.Image => $"an image [B, H, W, {width ?? "C"}]",
        _ => "indices [B, T]",
    };
}
