using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// Features [B, F] of all numbers of a row, in PyTorch's order, so that a linear layer behind it takes PyTorch's weights as they are: of an
/// image a channel after the other, (C, H, W), of a signal (C, L), of a sequence step by step. Features stay as they are. PyTorch's
/// <c>nn.Flatten</c>.
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed class Flatten : Layer
{
    /// <inheritdoc/>
    public override int? InputWidthFor(int? outputWidth) => outputWidth;

    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context)
    {
        KindCheck.Require(
            input, context, "a flatten layer", null, RowKind.Features, RowKind.Sequence, RowKind.Signal, RowKind.Image);
        Shape x = input.Shape;
        int length = x.Product(1, x.Rank - 1), channels = x[-1];

        // With one channel, or one place, both orders are the same.
        Node ordered = input.Kind is RowKind.Features or RowKind.Sequence || channels == 1 || channels == length ? input
            : input.Kind == RowKind.Image ? input.Transpose(0, 3, 1, 2)
            : input.Transpose(0, 2, 1);
        return ordered.Reshape([x[0], length]);
    }

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new Flatten();
}
