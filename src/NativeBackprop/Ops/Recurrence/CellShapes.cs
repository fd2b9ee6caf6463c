namespace NativeBackprop.Ops;

/// <summary>What the cells of recurrences ask of their operands.</summary>
internal static class CellShapes
{
    /// <summary>The shape [B, H] of a state, for gates [B, k·H].</summary>
    /// <exception cref="ShapeException">The operands do not fit.</exception>
    public static Shape States(string cell, int k, ReadOnlySpan<Shape> gates, Shape state)
    {
        foreach (Shape shape in gates)
        {
            if (state.Rank != 2 || state[1] < 0 || shape.Rank != 2 || shape[0] != state[0] || shape[1] != (long)k * state[1])
            {
                throw new ShapeException($"{cell} needs gates of shape [B, {k}·H] and a state [B, H], got {shape} and {state}");
            }
        }

        return state;
    }
}
