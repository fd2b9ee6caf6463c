namespace NativeBackprop.Layers;

/// <summary>What the pooling layers share.</summary>
internal static class PoolLayer
{
    /// <summary>Puts a pooling behind an input of the right kind.</summary>
    /// <exception cref="ShapeException">The window does not fit into the input; the message begins with the layer.</exception>
    public static Node Add(Op pooling, Node input, BuildContext context, string layer)
    {
        try
        {
            _ = pooling.InferShape([input.Shape]);
        }
        catch (ShapeException e)
        {
            throw new ShapeException($"{context.At}{layer}: {e.Message}", e);
        }

        return context.Graph.Add(pooling, input);
    }
}
