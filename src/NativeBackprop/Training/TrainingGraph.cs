using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;

namespace NativeBackprop.Training;

/// <summary>A model and its loss as one graph, for training and for evaluation.</summary>
internal sealed class TrainingGraph
{
    private readonly Layer _model;
    private readonly Loss _loss;
    private readonly TrainerOptions _options;

    /// <exception cref="ShapeException">The model does not fit the width, or the loss does not fit the model.</exception>
    /// <exception cref="DataException">Rows are to have lengths that nobody reads.</exception>
    public TrainingGraph(Layer model, Loss loss, RowShape input, TrainerOptions options, bool byClass, bool hasLengths)
    {
        (_model, _loss, _options) = (model, loss, options);
        var graph = new Graph();
        Rows = new ModelRows(graph, input);
        Steps = hasLengths ? StepsOf(input) : 0;
        Lengths = hasLengths ? graph.Lengths("lengths", Steps) : null;
        Context = new BuildContext(graph, BuildMode.Training, options.Seed) { Lengths = Lengths };
        Output = Rows.Build(model, Context);
        RequireRows("a model's output", Output);

        SegmentEnds = Context.SegmentEnds(options.RecomputationSegments);
        Targets = loss.CheckedTargets(Output);
        RequireTargets(loss.GetType().Name, byClass);
        TargetLength = Targets.Shape.Without(0).Length;

        Loss = Build(Output);
        Cost = Penalised(Loss);
        NeedsSeveralRows = graph.Nodes.Any(node => node.Op is BatchStatistics && node.Inputs[0].Shape.Resolve(1).AsMatrix().Rows == 1);
        EvaluationOutput = Rows.Build(model, new BuildContext(graph, BuildMode.Evaluation, options.Seed) { Lengths = Lengths });
        EvaluationLoss = Build(EvaluationOutput);
        if (Lengths is not null && !graph.Needed(Cost)[Lengths.Index])
        {
            throw new DataException("neither the model nor the loss reads lengths: rows of unequal length make no difference to them");
        }
    }

    public BuildContext Context { get; }

    /// <summary>What a row is, and the leaf that rows are bound to.</summary>
    public ModelRows Rows { get; }

    /// <summary>The leaf that rows are bound to.</summary>
    public Node Input => Rows.Leaf;

    /// <summary>How many steps of each row count; null where all do.</summary>
    public Node? Lengths { get; }

    /// <summary>Steps of a whole row, where rows have lengths.</summary>
    public int Steps { get; }

    public Node Targets { get; }

    /// <summary>What each row's loss is multiplied by; null until somebody asks for weights.</summary>
    public Node? Weights { get; private set; }

    public Node Output { get; }

    /// <summary>The loss without penalties.</summary>
    public Node Loss { get; private set; }

    /// <summary>What is minimised: the loss and the penalties.</summary>
    public Node Cost { get; private set; }

    public Node EvaluationOutput { get; }

    public Node EvaluationLoss { get; }

    /// <summary>True when a batch of one row cannot be trained on: a batch norm would see one value a channel.</summary>
    public bool NeedsSeveralRows { get; }

    /// <summary>The nodes between which the backward pass computes values again instead of keeping them.</summary>
    public IReadOnlyList<Node> SegmentEnds { get; }

    /// <summary>Numbers, or classes, of a row of targets.</summary>
    public int TargetLength { get; }

    /// <summary>Gives the loss an input of weights.</summary>
    public void Weigh()
    {
        Node weights = Context.Graph.Input("sample_weights", [Shape.Batch]);
        Node loss = Build(Output, weights);
        (Weights, Loss, Cost) = (weights, loss, Penalised(loss));
    }

    private Node Build(Node output, Node? weights = null)
    {
        Node? lengths = output.Shape.Rank == 3 ? Lengths : null;
        return UserCode.Call($"the loss {_loss.GetType().Name}", node => _loss.Build(node, Targets, weights, lengths), output);
    }

    private static int StepsOf(RowShape input) => input.Kind is RowKind.Sequence or RowKind.Indices
        ? input.Batch[1]
        : throw new DataException($"the minibatch has Lengths, which only sequences have: the model takes {input}");

    // What is filled in later is a row for each example: checked here once, because a user's loss or layer may give anything.
    private static void RequireRows(string what, Node node)
    {
        if (node.Shape.Rank < 2 || node.Shape[0] != Shape.Batch || node.Shape.With(0, 1).IsSymbolic)
        {
            throw new ShapeException($"{what} must have the shape [B, K] or [B, ..., K], got {node.Shape}");
        }
    }

    private void RequireTargets(string loss, bool byClass)
    {
        if (Targets.Op.ElementType != (byClass ? ElementType.Int32 : ElementType.Float32))
        {
            throw new GraphException($"the loss {loss} says that it is {(byClass ? "" : "not ")}a classifier: its targets must be "
                + $"{(byClass ? "class indices, got numbers" : "numbers, got class indices")}");
        }

        if (!Targets.Shape.Equals([Shape.Batch]))
        {
            RequireRows($"the targets of the loss {loss}, where they are not of the shape [B],", Targets);
        }
    }

    private Node Penalised(Node loss) => _options.Penalties.Aggregate(
        loss, (cost, penalty) => UserCode.Call(penalty.GetType().Name, node => penalty.AddTo(node, _model.Parameters), cost));
}
