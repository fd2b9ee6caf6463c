using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// The largest of every k neighbouring features: [B, n·k] read as [B, n, k], maximum over k, gives [B, n]. On top of a linear layer each
/// unit learns its own convex, piecewise linear activation (Goodfellow et al. 2013). The gradient goes to the first of equals.
/// </summary>
/// <param name="pieces">k, at least 1.</param>
/// <exception cref="OptionException">k is below 1.</exception>
public sealed class Maxout(int pieces) : Layer
{
    /// <summary>k, how many features compete for one output.</summary>
    public int Pieces { get; } = pieces >= 1 ? pieces : throw new OptionException($"a maxout layer needs at least 1 piece, got {pieces}");

    /// <inheritdoc/>
    public override Node Build(Node input, BuildMode mode) => input.Shape.Rank == 2 && input.Shape[1] % Pieces == 0
        ? input.Reshape([input.Shape[0], input.Shape[1] / Pieces, Pieces]).Max(-1)
        : throw new ShapeException($"maxout: a layer of {Pieces} pieces needs an input of shape [B, n·{Pieces}], got {input.Shape} from {input}");

    /// <inheritdoc/>
    protected internal override int? InputWidthFor(int? outputWidth) => outputWidth * Pieces;
}
