using NativeBackprop.Ops;

namespace NativeBackprop.Losses;

/// <summary>
/// What training minimises: the mean over the batch of a per-example loss. The division by the batch size stands in that mean and
/// nowhere else. Losses take logits, not probabilities. A loss of one's own is a class derived from this one that says
/// <see cref="PerExample"/>.
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once. Of a loss of your own, that is yours to see to.</remarks>
public abstract class Loss
{
    /// <summary>The name in snake_case, as model files write it.</summary>
    public virtual string Name => Operation.SnakeCase(GetType().Name);

    /// <summary>True when the targets are class indices.</summary>
    public abstract bool IsClassifier { get; }

    /// <summary>The width of a row of targets for an output of a width, when the targets are numbers.</summary>
    public virtual int TargetWidth(int outputWidth) => outputWidth;

    /// <summary>
    /// Adds the targets' leaf for an output of shape [B, K], or, for a loss that takes sequences, [B, T, K]: a target for each step then.
    /// </summary>
    /// <exception cref="ShapeException">The output has another rank.</exception>
    public virtual Node CreateTargets(Node output)
    {
        ArgumentNullException.ThrowIfNull(output);
        RequireLogits(output.Shape);
        int width = output.Shape[-1];
        return !TakesLabels
            ? output.Graph.Input("targets", output.Shape.With(-1, Call(nameof(TargetWidth), loss => loss.TargetWidth(width))))
            : output.Shape.Rank == 3 ? output.Graph.Labels("targets", output.Shape.Without(-1), width)
            : output.Graph.Labels("targets", width);
    }

    /// <summary>The name, which may be a user's code.</summary>
    /// <exception cref="GraphException">It failed.</exception>
    internal string CheckedName => Call(nameof(Name), static loss => loss.Name);

    /// <summary>True when the targets are class indices, as a user's code may say it.</summary>
    /// <exception cref="GraphException">It failed.</exception>
    internal bool TakesLabels => Call(nameof(IsClassifier), static loss => loss.IsClassifier);

    /// <summary>The targets' leaf, as a user's code may make it.</summary>
    /// <exception cref="GraphException">It failed, or gave no input of the output's graph.</exception>
    internal Node CheckedTargets(Node output) =>
        Call(nameof(CreateTargets), loss => loss.CreateTargets(output)) is { Op: Input or Indices } targets && targets.Graph == output.Graph
            ? targets
            : throw new GraphException($"{GetType().Name}.{nameof(CreateTargets)} must give an input of the output's graph");

    /// <summary>
    /// Adds the scalar loss: the mean of <see cref="PerExample"/> over the batch, each example times its weight if there are weights. The
    /// divisor is the batch size, so that an example of weight 2 counts as twice itself and one of weight 0 not at all, and the weights'
    /// own sum says nothing.
    /// </summary>
    /// <remarks>Of sequences, each step is an example, and those beyond their row's length do not count.</remarks>
    /// <param name="output">The model's output, [B, K], or a sequence [B, T, K].</param>
    /// <param name="targets">The targets, as <see cref="CreateTargets"/> makes them.</param>
    /// <param name="sampleWeights">A weight for each row, [B], or null.</param>
    /// <param name="lengths">How many steps of each row count, as <see cref="GraphLeaves.Lengths"/> makes it; null for all.</param>
    /// <exception cref="ShapeException">Output, targets and weights do not fit.</exception>
    /// <exception cref="GraphException">They belong to different graphs.</exception>
    public Node Build(Node output, Node targets, Node? sampleWeights = null, Node? lengths = null)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(targets);
        bool byClass = targets.Op.ElementType == ElementType.Int32;
        if (lengths is not null && (output.Shape.Rank != 3 || !TakesSequences))
        {
            throw new ShapeException($"{CheckedName}: only the loss of a sequence [B, T, K] has lengths, got an output {output.Shape}");
        }

        targets = lengths is not null && byClass
            ? output.Graph.Add(new LabelsWithin(targets.Op.IndexRange), targets, lengths) : targets;

        // First, so that the loss and its gradient can be one pass.
        Node? share = Share(output, targets, lengths);
        Node losses = Examples(output, targets);
        losses = lengths is not null && !byClass ? output.Graph.Add(new SequenceMask(false), losses, lengths) : losses;
        if (sampleWeights is not null)
        {
            Shape rows = losses.Shape.Rank == 2 ? [losses.Shape[0]] : losses.Shape;
            losses = sampleWeights.Shape.Equals(rows)
                ? losses * (losses.Shape.Rank == 2 ? sampleWeights.Reshape(rows.Column()) : sampleWeights)
                : throw new ShapeException($"{CheckedName}: expected sample weights of shape {rows}, got {sampleWeights.Shape}");
        }

        return share is null ? Average(losses, targets) : (losses * share).Sum();
    }

    // What each example's loss is multiplied by, where not all count: 1 over what does, and 0 where nothing does.
    private Node? Share(Node output, Node targets, Node? lengths)
    {
        Node? divisor = targets.Op is { ElementType: ElementType.Int32, IndexRange.AllowsNone: true } && TakesSequences
            ? Divisor(targets, output.Shape[-1])
            : lengths is null ? null
            : output.Graph.Add(new SequenceMask(false), output.Graph.Constant(1, output.Shape.Without(-1)), lengths).Sum();
        if (divisor is null)
        {
            return null;
        }

        Node isEmpty = output.Graph.Add(Binary.Equal, divisor, output.Graph.Constant(0));
        return ((1 - isEmpty) / (divisor + isEmpty)).BroadcastTo(output.Shape.Without(-1));
    }

    private T Call<T>(string member, Func<Loss, T> call) => UserCode.Call($"{GetType().Name}.{member}", call, this);

    // A user's own loss may do anything.
    private Node Examples(Node output, Node targets)
    {
        try
        {
            return PerExample(output, targets) ?? throw new GraphException($"{CheckedName}: PerExample gave null");
        }
        catch (Exception error) when (UserCode.IsForeign(error))
        {
            throw new GraphException($"{CheckedName}: PerExample failed: {error.GetType().Name}: {error.Message}", error);
        }
    }

    /// <summary>Adds each example's loss, of shape [B].</summary>
    /// <exception cref="ShapeException">Output and targets do not fit.</exception>
    public abstract Node PerExample(Node output, Node targets);

    /// <summary>Adds the mean of the examples' losses, [B], for their targets; another divisor than the batch size is said here.</summary>
    private protected virtual Node Average(Node losses, Node targets) => losses.Mean();

    /// <summary>The same loss for targets that are probabilities, or class indices, where it takes both; else the loss itself.</summary>
    internal virtual Loss For(bool denseTargets) => this;

    /// <summary>True when every step of a sequence can be an example.</summary>
    private protected virtual bool TakesSequences => false;

    /// <summary>What the sum of the losses of class indices is divided by, where some may be no class.</summary>
    private protected virtual Node Divisor(Node targets, int classes) =>
        throw Refusal.InvalidOperation($"{GetType().Name} takes no labels without a class");

    /// <summary>Checks that an output has the shape [B, K], or [B, T, K] where that is taken too.</summary>
    /// <exception cref="ShapeException">It has not.</exception>
    protected void RequireLogits(Shape output)
    {
        ArgumentNullException.ThrowIfNull(output);
        if (output.Rank != 2 && !(output.Rank == 3 && TakesSequences))
        {
            throw new ShapeException(
                $"{CheckedName}: expected an output of shape [N, K]{(TakesSequences ? " or [N, T, K]" : "")}, got {output}");
        }
    }

    /// <summary>Checks that the targets have the shape [B, K] that an output asks for.</summary>
    /// <exception cref="ShapeException">They have not; broadcasting is not meant here.</exception>
    protected void RequireSame(Shape expected, Node targets)
    {
        ArgumentNullException.ThrowIfNull(targets);
        RequireLogits(expected);
        if (!targets.Shape.Equals(expected))
        {
            throw new ShapeException($"{CheckedName}: expected targets of shape {expected}, got {targets.Shape}");
        }
    }
}
