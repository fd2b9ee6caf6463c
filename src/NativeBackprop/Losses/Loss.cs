using NativeBackprop.Ops;

namespace NativeBackprop.Losses;

/// <summary>
/// What training minimises: the mean over the batch of a per-example loss. The division by the batch size stands in that mean and
/// nowhere else. Losses take logits, not probabilities.
/// </summary>
public abstract class Loss
{
    /// <summary>The name in snake_case, as model files write it.</summary>
    public virtual string Name => Operation.SnakeCase(GetType().Name);

    /// <summary>True when the targets are class indices.</summary>
    public abstract bool IsClassifier { get; }

    /// <summary>The width of a row of targets for an output of a width, when the targets are numbers.</summary>
    public virtual int TargetWidth(int outputWidth) => outputWidth;

    /// <summary>Adds the targets' leaf for an output of shape [B, K].</summary>
    public virtual Node CreateTargets(Node output) => IsClassifier
        ? output.Graph.Labels("targets", output.Shape[1])
        : output.Graph.Input("targets", [Shape.Batch, TargetWidth(output.Shape[1])]);

    /// <summary>Adds the scalar loss: the mean of <see cref="PerExample"/> over the batch.</summary>
    public Node Build(Node output, Node targets) => PerExample(output, targets).Mean();

    /// <summary>Adds each example's loss, of shape [B].</summary>
    /// <exception cref="ShapeException">Output and targets do not fit.</exception>
    public abstract Node PerExample(Node output, Node targets);

    /// <summary>Checks that an output has the shape [B, K].</summary>
    /// <exception cref="ShapeException">It has not.</exception>
    protected void RequireLogits(Shape output)
    {
        if (output.Rank != 2)
        {
            throw new ShapeException($"{Name}: expected an output of shape [N, K], got {output}");
        }
    }

    /// <summary>Checks that the targets have the shape [B, K] that an output asks for.</summary>
    /// <exception cref="ShapeException">They have not; broadcasting is not meant here.</exception>
    protected void RequireSame(Shape expected, Node targets)
    {
        RequireLogits(expected);
        if (!targets.Shape.Equals(expected))
        {
            throw new ShapeException($"{Name}: expected targets of shape {expected}, got {targets.Shape}");
        }
    }
}
