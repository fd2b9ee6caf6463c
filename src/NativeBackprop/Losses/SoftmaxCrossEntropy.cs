using NativeBackprop.Ops;

namespace NativeBackprop.Losses;

/// <summary>
/// −z_t + log Σ_j exp(z_j) for class indices t, or Σ_j t_j (log Σ exp z − z_j) for target probabilities: the cost that goes with
/// softmax outputs and a choice among K classes. The model ends in K logits, without a softmax.
/// </summary>
/// <remarks>
/// With label smoothing ε the target is (1 − ε)·t + ε/K (Szegedy et al. 2016). With class weights w the example's loss is
/// Σ_j w_j t_j (log Σ exp z − z_j); the mean over class indices then divides by the sum of the weights of the batch's classes instead
/// of the batch size (0/0 where all of them are 0), the mean over probabilities by the batch size. Both as PyTorch's. Outputs are [B, K],
/// or sequences [B, T, K] with a class at every step, [B, T]: each step is an example then. One whose label is −100, where the labels'
/// leaf allows that, or that lies beyond its row's length, does not count, in the divisor neither; where none counts, the loss is 0.
/// Thread safety: immutable; any threads may use it at once.
/// </remarks>
public sealed class SoftmaxCrossEntropy : Loss
{
    private readonly bool _denseTargets;
    private readonly float[]? _classWeights;

    /// <param name="denseTargets">True when the targets are probabilities, [B, K], and not class indices, [B].</param>
    /// <param name="labelSmoothing">ε in [0, 1]: the share of the target that is spread evenly over the classes.</param>
    /// <param name="classWeights">A weight for each class, finite and not negative; copied. Null weighs all alike.</param>
    /// <exception cref="OptionException">An argument is outside its range.</exception>
    public SoftmaxCrossEntropy(bool denseTargets = false, float labelSmoothing = 0, IReadOnlyList<float>? classWeights = null)
    {
        (_denseTargets, _classWeights) = (denseTargets, classWeights?.ToArray());
        LabelSmoothing = labelSmoothing is >= 0 and <= 1
            ? labelSmoothing
            : throw new OptionException($"label_smoothing must lie in [0, 1], got {labelSmoothing}");
        if (_classWeights is { } weights
            && (weights.Length == 0 || !Array.TrueForAll(weights, weight => weight >= 0 && float.IsFinite(weight))))
        {
            throw new OptionException($"class_weights must be finite numbers of at least 0, got [{string.Join(", ", weights)}]");
        }
    }

    /// <summary>ε: the share of the target that is spread evenly over the classes.</summary>
    public float LabelSmoothing { get; }

    /// <summary>The weight of each class; empty when all weigh alike.</summary>
    public ReadOnlySpan<float> ClassWeights => _classWeights;

    /// <inheritdoc/>
    public override bool IsClassifier => !_denseTargets;

    /// <inheritdoc/>
    /// <exception cref="ShapeException">Output and targets do not fit, or there is not a weight for each class.</exception>
    public override Node PerExample(Node output, Node targets)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(targets);
        bool isDense = targets.Op.ElementType == ElementType.Float32;
        if (LabelSmoothing == 0 && _classWeights is null)
        {
            return output.Graph.Add(new SoftmaxCrossEntropyPerExample(isDense), output, targets);
        }

        RequireLogits(output.Shape);
        if (isDense)
        {
            RequireSame(output.Shape, targets);
        }

        int classes = output.Shape[-1];
        if (_classWeights is not null && _classWeights.Length != classes)
        {
            throw new ShapeException(
                $"{Name}: expected {classes} class weights for an output of shape {output.Shape}, got {_classWeights.Length}");
        }

        Node t = isDense ? targets : output.Graph.Add(new OneHot(classes), targets);
        t = LabelSmoothing == 0 ? t : ((1 - LabelSmoothing) * t) + Spread(targets, t, LabelSmoothing / classes);
        t = _classWeights is null ? t : t * output.Graph.Constant([classes], _classWeights);
        return output.Graph.Add(new SoftmaxCrossEntropyPerExample(true), output, t);
    }

    internal override Loss For(bool denseTargets) =>
        denseTargets == _denseTargets ? this : new SoftmaxCrossEntropy(denseTargets, LabelSmoothing, _classWeights);

    private protected override Node Average(Node losses, Node targets)
    {
        if (_classWeights is null || targets.Op.ElementType == ElementType.Float32)
        {
            return losses.Mean();
        }

        Graph graph = losses.Graph;
        Node weights = graph.Add(new OneHot(_classWeights.Length), targets) * graph.Constant([_classWeights.Length], _classWeights);
        return losses.Sum() / weights.Sum();
    }

    private protected override bool TakesSequences => true;

    private protected override Node Divisor(Node targets, int classes)
    {
        float[] weights = _classWeights ?? new float[classes];
        if (_classWeights is null)
        {
            Array.Fill(weights, 1);
        }

        return targets.Graph.Add(new Gather(), targets.Graph.Constant([classes, 1], weights), targets).Sum();
    }

    // What smoothing adds to every class: nothing where there is none.
    private static Node Spread(Node targets, Node t, float share) =>
        targets.Op is { ElementType: ElementType.Int32, IndexRange.AllowsNone: true }
            ? share * t.Sum(-1, keepDimensions: true)
            : t.Graph.Constant(share);
}
