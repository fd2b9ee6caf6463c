using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// The softmax over the last dimension as a layer; <c>new Softmax()</c> among other layers makes one. Training with a cross-entropy wants
/// the logits before it instead, because that loss holds the softmax already.
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
internal sealed class SoftmaxLayer : Layer
{
    /// <inheritdoc/>
    public override int? InputWidthFor(int? outputWidth) => outputWidth;

    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context)
    {
        KindCheck.Require(input, context, "a softmax layer", null, RowKind.Features, RowKind.Sequence);
        return input.Softmax();
    }

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new SoftmaxLayer();
}
