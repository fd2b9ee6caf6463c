using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// The largest of every k neighbouring features: [B, n·k] read as [B, n, k], maximum over k, gives [B, n]. On top of a linear layer each
/// unit learns its own convex, piecewise linear activation (Goodfellow et al. 2013). The gradient goes to the first of equals.
/// </summary>
/// <param name="pieces">k, at least 1.</param>
/// <exception cref="OptionException">k is below 1.</exception>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed class Maxout(int pieces) : Layer
{
    /// <summary>k, how many features compete for one output.</summary>
    public int Pieces { get; } = pieces >= 1 ? pieces : throw new OptionException($"a maxout layer needs at least 1 piece, got {pieces}");

    /// <inheritdoc/>
    public override int? InputWidthFor(int? outputWidth) =>
        (long?)outputWidth * Pieces is { } width and >= 0 and <= int.MaxValue ? (int)width : null;

    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context) => input.Shape.Rank == 2 && input.Shape[1] % Pieces == 0
        ? input.Reshape([input.Shape[0], input.Shape[1] / Pieces, Pieces]).Max(-1)
        : throw new ShapeException(
            $"{context.At}maxout: a layer of {Pieces} pieces needs an input of shape [B, n·{Pieces}], got {input.Shape} from {input}");

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new Maxout(Pieces);
}
