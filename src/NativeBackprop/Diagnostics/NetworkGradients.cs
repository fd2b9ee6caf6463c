using NativeBackprop.Data;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;

namespace NativeBackprop.Diagnostics;

/// <summary>
/// A network with its loss and all its gradients as one graph: what <c>nbp gradients</c> computes and the gradient check compares. Dropout
/// is the identity; a batch norm goes by the batch, as in training, and keeps nothing of it.
/// </summary>
internal sealed class NetworkGradients
{
    private readonly Loss _loss;
    private readonly int _inputLength;

    /// <exception cref="ShapeException">The model does not fit the input, or the loss does not fit the output.</exception>
    public NetworkGradients(Layer model, Loss loss, RowShape input)
    {
        var rows = new ModelRows(Graph, input);
        (_loss, _inputLength, Input) = (loss, rows.Length, rows.Leaf);
        Output = rows.Build(model, new BuildContext(Graph, BuildMode.Evaluation) { UsesBatchStatistics = true });
        Targets = loss.CheckedTargets(Output);
        Loss = loss.Build(Output, Targets);
        Parameters = model.Parameters;
        Leaves = [.. Parameters.Select(parameter => Graph.Variable(parameter))];
        if (!rows.AreIndices)
        {
            Leaves = [.. Leaves, Input];
        }

        Gradients = Graph.Gradient(Loss, Leaves);
    }

    public Graph Graph { get; } = new();

    public Node Input { get; }

    public Node Targets { get; }

    public Node Output { get; }

    public Node Loss { get; }

    public ParameterSet Parameters { get; }

    /// <summary>The parameters and, last, the input unless it is indices, which have no gradient.</summary>
    public Node[] Leaves { get; }

    /// <summary>The loss's gradient for each leaf.</summary>
    public Node[] Gradients { get; }

    /// <summary>Makes a plan for all rows of a data set as one batch, with its inputs bound.</summary>
    /// <exception cref="DataException">The rows do not fit the model or the loss.</exception>
    public Plan Compile(Dataset batch, int threads)
    {
        Check(batch);
        Plan plan = Graph.Compile([Loss, Output, .. Gradients], new PlanOptions { BatchSize = batch.Count, Threads = threads });
        _ = batch.HasIndices ? plan.BindLabels(Input, batch.Indices) : plan.Bind(Input, batch.Inputs);
        return _loss.TakesLabels ? plan.BindLabels(Targets, batch.Labels) : plan.Bind(Targets, batch.Targets);
    }

    /// <summary>Checks that a batch has what model and loss take.</summary>
    /// <exception cref="DataException">It has not.</exception>
    public void Check(Dataset batch)
    {
        if (batch.Features != _inputLength)
        {
            throw new DataException(
                $"{batch.Name}: expected rows of {_inputLength} inputs, as the model takes them, found {batch.Features}");
        }

        if (batch.IsClassification != _loss.TakesLabels)
        {
            throw new DataException(_loss.TakesLabels
                ? $"{batch.Name}: the loss {_loss.CheckedName} needs class labels, found numbers as targets"
                : $"{batch.Name}: the loss {_loss.CheckedName} needs numbers as targets, found class labels");
        }

        bool takesIndices = Input.Op.ElementType == ElementType.Int32;
        if (batch.HasIndices != takesIndices)
        {
            throw new DataException(
                $"{batch.Name}: the model takes {(takesIndices ? "indices, found numbers" : "numbers, found indices")} as inputs");
        }

        int width = Targets.Shape.Without(0).Length;
        if (batch.TargetLength != width)
        {
            throw new DataException(
                $"{batch.Name}: expected targets of {width} {(_loss.TakesLabels ? "classes" : "numbers")}, as the loss " +
                    $"{_loss.CheckedName} takes them, found {batch.TargetLength}");
        }
    }
}
