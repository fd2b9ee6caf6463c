using NativeBackprop.Layers;
using NativeBackprop.Losses;

namespace NativeBackprop.IO;

/// <summary>What a model file says: the shape of an input, the layers, the loss.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once. The values are those of the layers' parameters: see
/// <see cref="Parameter"/>.</remarks>
public sealed class ModelDescription
{
    private readonly Loss _loss;
    private readonly int[] _inputShape;

    /// <param name="inputShape">
    /// The shape of one input, without the batch, in PyTorch's order: (784) features, (T, F) a sequence, (C, H, W) an image.
    /// </param>
    /// <param name="model">The layers, for such an input.</param>
    /// <param name="loss">The loss's name: <see cref="LossNames"/>.</param>
    /// <exception cref="ShapeException">The layers do not fit the input, or the loss does not fit the output.</exception>
    /// <exception cref="OptionException">There is no such loss, or the shape is of none of these kinds.</exception>
    public ModelDescription(ReadOnlySpan<int> inputShape, Sequential model, string loss)
        : this(inputShape, model, LossFormats.Create(loss))
    {
    }

    /// <param name="inputShape">
    /// The shape of one input, without the batch, in PyTorch's order: (784) features, (T, F) a sequence, (C, H, W) an image.
    /// </param>
    /// <param name="model">The layers, for such an input.</param>
    /// <param name="loss">The loss, with its options; whether its targets are probabilities is not part of the description.</param>
    /// <exception cref="ShapeException">The layers do not fit the input, or the loss does not fit the output.</exception>
    /// <exception cref="OptionException">The shape is of none of these kinds.</exception>
    public ModelDescription(ReadOnlySpan<int> inputShape, Sequential model, Loss loss)
        : this(ModelInput.Row(inputShape, ModelInput.Number), model, loss)
    {
    }

    /// <param name="input">One row of input; files have images and signals with their channels first, whatever is said here.</param>
    /// <param name="model">The layers, for such an input.</param>
    /// <param name="loss">The loss, with its options; whether its targets are probabilities is not part of the description.</param>
    /// <exception cref="ShapeException">The layers do not fit the input, or the loss does not fit the output.</exception>
    public ModelDescription(RowShape input, Sequential model, Loss loss)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(loss);
        (Input, _inputShape, _loss) = (input, input.FileShape, loss);
        Model = input.Equals(model.InputRow) ? model : new Sequential(input, [.. model.Layers]);
        Loss known = CreateLoss(denseTargets: false);
        var graph = new Graph();
        Node output = new ModelRows(graph, input).Build(Model, new BuildContext(graph, BuildMode.Evaluation));
        OutputWidth = output.Shape.Rank > 1 && output.Shape[0] == Shape.Batch && !output.Shape.Without(0).IsSymbolic
            ? output.Shape.Without(0).Length
            : throw new ShapeException($"the output must have the shape [B, K] or [B, ..., K], got {output.Shape}");
        Node targets = known.CheckedTargets(output);
        known.Build(output, targets);
        (OutputShape, TargetShape) = (output.Shape, targets.Shape);
    }

    /// <summary>The names of the losses.</summary>
    public static IReadOnlyCollection<string> LossNames => LossFormats.Names;

    /// <summary>What one row of input is.</summary>
    public RowShape Input { get; }

    /// <summary>The shape of one input, without the batch, in PyTorch's order.</summary>
    public ReadOnlySpan<int> InputShape => _inputShape;

    /// <summary>Numbers a row of input: the product of the shape.</summary>
    public int InputWidth => Input.Length;

    /// <summary>Numbers a row of output.</summary>
    public int OutputWidth { get; }

    /// <summary>The shape of a batch of outputs.</summary>
    internal Shape OutputShape { get; }

    /// <summary>The shape of a batch of targets: of classes, where the loss takes either.</summary>
    internal Shape TargetShape { get; }

    /// <summary>The layers, which know their input.</summary>
    public Sequential Model { get; }

    /// <summary>The loss's name.</summary>
    public string LossName => _loss.CheckedName;

    /// <summary>The loss for one kind of targets.</summary>
    /// <param name="denseTargets">
    /// True when the targets are numbers, false when they are class indices; only a loss that takes either asks.
    /// </param>
    public Loss CreateLoss(bool denseTargets) => _loss.For(denseTargets);
}
