using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// The softmax over the last dimension as a layer; <c>new Softmax()</c> among other layers makes one. Training with a cross-entropy wants the
/// logits before it instead, because that loss holds the softmax already.
/// </summary>
public sealed class SoftmaxLayer : Layer
{
    /// <inheritdoc/>
    public override Node Build(Node input, BuildMode mode) => input.Softmax();
}
