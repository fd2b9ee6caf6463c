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

    /// <param name="inputShape">The shape of one input, without the batch: (784), or (28, 28).</param>
    /// <param name="model">The layers, for an input of the width that is the product of the shape.</param>
    /// <param name="loss">The loss's name: <see cref="LossNames"/>.</param>
    /// <exception cref="ShapeException">The layers do not fit the input, or the loss does not fit the output.</exception>
    /// <exception cref="OptionException">There is no such loss, or an extent is below 1.</exception>
    public ModelDescription(ReadOnlySpan<int> inputShape, Sequential model, string loss)
        : this(inputShape, model, LossFormats.Create(loss))
    {
    }

    /// <param name="inputShape">The shape of one input, without the batch: (784), or (28, 28).</param>
    /// <param name="model">The layers, for an input of the width that is the product of the shape.</param>
    /// <param name="loss">The loss, with its options; whether its targets are probabilities is not part of the description.</param>
    /// <exception cref="ShapeException">The layers do not fit the input, or the loss does not fit the output.</exception>
    /// <exception cref="OptionException">An extent is below 1.</exception>
    public ModelDescription(ReadOnlySpan<int> inputShape, Sequential model, Loss loss)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(loss);
        _inputShape = inputShape.ToArray();
        (InputWidth, Model, _loss) = (WidthOf(_inputShape), model, loss);
        Loss known = CreateLoss(denseTargets: false);
        Node input = CreateInput(InputWidth), output = model.Build(input, new BuildContext(input.Graph, BuildMode.Evaluation));
        OutputWidth = output.Shape.Rank == 2
            ? output.Shape[1]
            : throw new ShapeException($"the output must have the shape [B, K], got {output.Shape}");
        known.Build(output, known.CheckedTargets(output));
    }

    /// <summary>The names of the losses.</summary>
    public static IReadOnlyCollection<string> LossNames => LossFormats.Names;

    /// <summary>The shape of one input, without the batch.</summary>
    public ReadOnlySpan<int> InputShape => _inputShape;

    /// <summary>Numbers a row of input: the product of the shape.</summary>
    public int InputWidth { get; }

    /// <summary>Numbers a row of output.</summary>
    public int OutputWidth { get; }

    /// <summary>The layers.</summary>
    public Sequential Model { get; }

    /// <summary>The loss's name.</summary>
    public string LossName => _loss.CheckedName;

    /// <summary>The loss for one kind of targets.</summary>
    /// <param name="denseTargets">
    /// True when the targets are numbers, false when they are class indices; only a loss that takes either asks.
    /// </param>
    public Loss CreateLoss(bool denseTargets) => _loss.For(denseTargets);

    internal static Node CreateInput(int width) => new Graph().Add(new Ops.Input("x", [Shape.Batch, width]));

    internal static int WidthOf(ReadOnlySpan<int> shape)
    {
        long width = shape.IsEmpty ? 0 : 1;
        foreach (int extent in shape)
        {
            width = extent < 1 ? 0 : Math.Min(width * extent, int.MaxValue + 1L);
        }

        return width is >= 1 and <= int.MaxValue ? (int)width
            : throw new OptionException(
                $"an input's shape needs extents of at least 1 and a product below 2^31, got [{string.Join(", ", shape.ToArray())}]");
    }
}
