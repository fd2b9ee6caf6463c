using System.Runtime.InteropServices;
using NativeBackprop.Layers;

namespace NativeBackprop.Training;

public sealed partial class Trainer
{
    private void RequireTargets()
    {
        if (_byClass)
        {
            throw new DataException($"the loss {_lossName} takes Labels, not Targets: call the method for labels");
        }
    }

    private void RequireLabels()
    {
        if (!_byClass)
        {
            throw new DataException($"the loss {_lossName} takes Targets, not Labels: call the method for numbers");
        }
    }

    private TrainingStep Take(Minibatch minibatch)
    {
        ArgumentNullException.ThrowIfNull(minibatch);
        bool readsIndices = _graph?.Rows.AreIndices ?? _model.InputRow?.Kind == RowKind.Indices;
        Refuse(nameof(Minibatch.Indices), minibatch.Indices.IsEmpty || readsIndices, "the model takes Inputs");
        Refuse(nameof(Minibatch.Inputs), minibatch.Inputs.IsEmpty || !readsIndices, "the model takes Indices");
        Refuse(nameof(Minibatch.Targets), minibatch.Targets.IsEmpty || !_byClass, "the loss takes Labels");
        Refuse(nameof(Minibatch.Labels), minibatch.Labels.IsEmpty || _byClass, "the loss takes Targets");
        return Take(
            new InputRows(minibatch.Inputs.Span, minibatch.Indices.Span, minibatch.Lengths.Span),
            minibatch.Targets.Span, minibatch.Labels.Span, minibatch.SampleWeights.Span);

        static void Refuse(string part, bool isFine, string reason)
        {
            if (!isFine)
            {
                throw new DataException($"the minibatch has {part}, which cannot be used: {reason}");
            }
        }
    }

    // Binds a minibatch to the step. Everything is checked before anything changes, the choice of a width included.
    private TrainingStep Take(
        InputRows inputs, ReadOnlySpan<float> targets, ReadOnlySpan<int> labels, ReadOnlySpan<float> weights)
    {
        int given = _byClass ? labels.Length : targets.Length;
        if (given == 0)
        {
            throw new DataException("a minibatch needs at least one row, got none");
        }

        TrainingGraph graph = _graph ?? NewGraph(
            _model.InputRow ?? RowShape.Features(Width(inputs.Length, given)), inputs.HasLengths);
        int width = graph.Rows.Length, targetWidth = graph.TargetLength, rows = given / targetWidth;
        if (given % targetWidth != 0 || inputs.Length != (long)rows * width)
        {
            throw new ShapeException(given % targetWidth != 0
                ? $"targets must be rows of {targetWidth} numbers, got {given}"
                : $"a minibatch of {rows} targets needs {rows} rows of {width} numbers, {(long)rows * width} in all, got {inputs.Length}");
        }

        inputs.Check(graph, rows);
        if (_byClass)
        {
            Plan.CheckLabels(graph.Targets, labels);
        }
        else
        {
            Plan.CheckFinite(graph.Targets, targets);
        }

        CheckWeights(weights, rows);
        TrainingStep step = StepFor(graph);
        if (!weights.IsEmpty && graph.Weights is null)
        {
            graph.Weigh();
            step.Minimise(graph.Cost, graph.Loss, graph.Output);
        }

        step.BeginRound();
        inputs.CopyTo(graph, rows, _fill!);
        if (_byClass)
        {
            Plan.CopyLabels(graph.Targets, labels, MemoryMarshal.Cast<float, int>(step.Fill(graph.Targets, labels.Length, rows)));
        }
        else
        {
            targets.CopyTo(step.Fill(graph.Targets, targets.Length, rows));
        }

        FillWeights(step, graph, weights, rows);
        return step;
    }

    // A trainer that has seen weights once weighs every row; those without have the weight 1.
    private static void FillWeights(TrainingStep step, TrainingGraph graph, ReadOnlySpan<float> weights, int rows)
    {
        if (graph.Weights is null)
        {
            return;
        }

        Span<float> slot = step.Fill(graph.Weights, rows, rows);
        if (weights.IsEmpty)
        {
            slot.Fill(1);
        }
        else
        {
            weights.CopyTo(slot);
        }
    }

    private static int Width(int inputs, int rows) => inputs % rows == 0 && inputs > 0
        ? inputs / rows
        : throw new ShapeException($"{inputs} inputs are not a whole number for each of {rows} rows");

    private static void CheckWeights(ReadOnlySpan<float> weights, int rows)
    {
        if (!weights.IsEmpty && weights.Length != rows)
        {
            throw new ShapeException($"a minibatch of {rows} rows needs {rows} SampleWeights, got {weights.Length}");
        }

        for (int i = 0; i < weights.Length; i++)
        {
            if (!(weights[i] >= 0 && float.IsFinite(weights[i])))
            {
                throw new DataException($"SampleWeights: weight {i} is {weights[i]}, expected a finite number of at least 0");
            }
        }
    }

    private TrainingGraph GraphFor(int inputWidth, bool hasLengths = false) =>
        _graph ?? NewGraph(ModelRows.Of(_model, inputWidth), hasLengths);

    private TrainingGraph NewGraph(RowShape input, bool hasLengths) =>
        new(_model, _loss, input, _options, _byClass, hasLengths || _options.TakesLengths);

    // The graph is kept only once it has a step.
    private TrainingStep StepFor(TrainingGraph graph)
    {
        if (_step is null)
        {
            var step = new TrainingStep(
                graph.Context, graph.Cost, TrainingStep.Named(_model.Parameters), _optimizer, _options, this, graph.SegmentEnds);
            step.Minimise(graph.Cost, graph.Loss, graph.Output);
            step.Steps = _steps;
            (_graph, _step, _fill) = (graph, step, step.Fill);
        }

        return _step;
    }
}
