using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// In training, sets every element to 0 with probability p and multiplies the others by 1/(1 − p), so that the expectation stays; in
/// evaluation, the identity (Srivastava et al. 2014). The masks belong to the path of each use: see <see cref="BuildContext"/>.
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed class Dropout : Layer
{
    /// <param name="probability">p in [0, 1), the probability that an element is dropped.</param>
    /// <exception cref="OptionException">p lies outside [0, 1).</exception>
    public Dropout(float probability = 0.5f) => Probability = probability is >= 0 and < 1
        ? probability
        : throw new OptionException($"dropout's p must lie in [0, 1), got {probability}");

    /// <summary>p.</summary>
    public float Probability { get; }

    /// <inheritdoc/>
    public override int? InputWidthFor(int? outputWidth) => outputWidth;

    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context) =>
        context.Mode == BuildMode.Evaluation || Probability == 0 ? input : input * context.Mask(Probability, input.Shape);

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new Dropout(Probability);
}
