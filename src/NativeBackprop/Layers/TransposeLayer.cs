using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// Takes a sequence [B, T, F] for a signal of F channels over a length of T, and a signal for a sequence. In PyTorch that is a
/// <c>transpose(1, 2)</c>; here channels and features both stand last, so nothing moves.
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed class TransposeLayer : Layer
{
    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context)
    {
        KindCheck.Require(input, context, "a transpose layer", null, RowKind.Sequence, RowKind.Signal);
        return context.Graph.Add(new AsKind(input.Kind == RowKind.Signal ? RowKind.Sequence : RowKind.Signal), input);
    }

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new TransposeLayer();
}
