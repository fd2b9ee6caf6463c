using System.Diagnostics;
using NativeBackprop.Data;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Optimizers;
using static NativeBackprop.Training.TrainingGraph;

namespace NativeBackprop.Training;

/// <summary>
/// Trains a model: whole runs with <see cref="Fit(Dataset, Dataset, int, IProgress{EpochReport}, CancellationToken)"/>, single steps
/// with <see cref="Step(ReadOnlySpan{float}, ReadOnlySpan{int})"/>, or the two halves of a step. The first step of each batch size makes
/// a plan; later ones allocate nothing. Not safe for concurrent use; several trainers of different models may work at once.
/// </summary>
public sealed class Trainer : IDisposable
{
    private readonly Layer _model;
    private readonly Loss _loss;
    private readonly Optimizer _optimizer;
    private readonly TrainerOptions _options;
    private TrainingGraph? _graph;
    private Plan? _forward;
    private int[] _labels = [];

    /// <summary>
    /// Makes a trainer. A model whose parameters were neither initialised nor loaded is initialised from
    /// <see cref="TrainerOptions.Seed"/>.
    /// </summary>
    /// <exception cref="OptionException">An option is outside its domain.</exception>
    public Trainer(Layer model, Loss loss, Optimizer optimizer, TrainerOptions? options = null)
    {
        (_model, _loss, _optimizer) = (model, loss, optimizer);
        _options = (options ?? new TrainerOptions()).Validated();
        model.Initialize(_options.Seed);
    }

    /// <summary>The output of the last forward pass or step, [B, K].</summary>
    /// <exception cref="GraphException">There was none.</exception>
    public Tensor Output { get; private set; }

    /// <summary>What a step goes by besides parameters and buffers: the optimizer's state and the context's, for a checkpoint.</summary>
    public ParameterSet State => new(
    [
        .. _optimizer.State.Select(state => ($"optimizer.{state.Name}", state)),
        .. _graph?.Context.State.Entries.Select(entry => ($"context.{entry.Name}", entry.Parameter)) ?? [],
    ]);

    /// <summary>Updates made so far, by which the schedule goes; a run that is taken up again sets it to where the last one stopped.</summary>
    public long Steps { get; set; }

    /// <summary>How many threads run a step; 0 before the first.</summary>
    public int Threads { get; private set; }

    /// <summary>One step on a minibatch of class labels: forward, backward, update. Returns the mean loss before the update.</summary>
    /// <param name="inputs">B rows of the model's input, finite.</param>
    /// <param name="labels">B class indices.</param>
    /// <exception cref="ShapeException">The lengths do not fit.</exception>
    /// <exception cref="DataException">An input is NaN or infinite, or a label is out of range.</exception>
    public float Step(ReadOnlySpan<float> inputs, ReadOnlySpan<int> labels) => Run(Bind(PlanKind.Step, inputs, labels));

    /// <summary>One step on a minibatch of numbers as targets. Returns the mean loss before the update.</summary>
    /// <exception cref="ShapeException">The lengths do not fit.</exception>
    /// <exception cref="DataException">A number is NaN or infinite.</exception>
    public float Step(ReadOnlySpan<float> inputs, ReadOnlySpan<float> targets) => Run(Bind(PlanKind.Step, inputs, targets));

    /// <summary>The forward half alone: computes <see cref="Output"/> and returns the mean loss.</summary>
    /// <exception cref="ShapeException">The lengths do not fit.</exception>
    /// <exception cref="DataException">An input is NaN or infinite, or a label is out of range.</exception>
    public float Forward(ReadOnlySpan<float> inputs, ReadOnlySpan<int> labels) => RunForward(Bind(PlanKind.Halves, inputs, labels));

    /// <summary>The forward half alone, for numbers as targets.</summary>
    /// <exception cref="ShapeException">The lengths do not fit.</exception>
    /// <exception cref="DataException">A number is NaN or infinite.</exception>
    public float Forward(ReadOnlySpan<float> inputs, ReadOnlySpan<float> targets) => RunForward(Bind(PlanKind.Halves, inputs, targets));

    /// <summary>The backward half: <see cref="Parameter.Gradient"/> of every parameter, for the last forward pass. Updates nothing.</summary>
    /// <exception cref="GraphException">No forward pass went before.</exception>
    public void Backward()
    {
        Plan plan = _forward ?? throw new GraphException("Backward needs a Forward before it");
        plan.RunRest();
        _graph!.PublishGradients(plan, _model.Parameters);
    }

    /// <summary>
    /// Trains for a number of epochs. Cancelling stops at the next step; the result says so, and holds what was reached.
    /// </summary>
    /// <param name="train">Rows to train on.</param>
    /// <param name="test">Rows to evaluate after each epoch, or null.</param>
    /// <param name="epochs">Passes over the training rows, at least 1.</param>
    /// <param name="progress">Told of every epoch.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <exception cref="ShapeException">The data does not fit the model.</exception>
    /// <exception cref="DataException">The data is not of the kind that the loss needs.</exception>
    /// <exception cref="OptionException">epochs is below 1.</exception>
    public FitResult Fit(Dataset train, Dataset? test, int epochs, IProgress<EpochReport>? progress = null, CancellationToken cancellationToken = default) =>
        Fit(train, test, new FitOptions { Epochs = epochs }, progress, cancellationToken);

    /// <summary>Trains for a number of epochs or of steps, from the start or from where an earlier run has stopped.</summary>
    /// <inheritdoc cref="Fit(Dataset, Dataset, int, IProgress{EpochReport}, CancellationToken)"/>
    /// <exception cref="OptionException">An option is outside its domain.</exception>
    public FitResult Fit(Dataset train, Dataset? test, FitOptions options, IProgress<EpochReport>? progress = null, CancellationToken cancellationToken = default)
    {
        var sampler = new MinibatchSampler(train.Count, Math.Min(_options.BatchSize, train.Count), _options.Shuffle, _options.Seed);
        int batches = sampler.BatchesPerEpoch;
        long end = options.Validated().Steps ?? (long)options.Epochs * batches;
        var reports = new List<EpochReport>();
        long step = options.CompletedSteps, rows = 0;
        Steps = step > 0 ? step : Steps;
        double seconds = 0;
        while (step < end && !cancellationToken.IsCancellationRequested)
        {
            int epoch = (int)(step / batches);
            long stop = Math.Min(end, (epoch + 1L) * batches), start = Stopwatch.GetTimestamp();
            var tally = default(Tally);
            for (; step < stop && !cancellationToken.IsCancellationRequested; step++)
            {
                RunBatch(PlanKind.Step, train, sampler.Batch(epoch, (int)(step % batches)), ref tally);
                options.StepProgress?.Report((int)step + 1);
            }

            double elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
            (seconds, rows) = (seconds + elapsed, rows + tally.Rows);
            if (step == stop)
            {
                var report = new EpochReport(epoch + 1, tally.Evaluation, test is null ? null : Evaluate(test), elapsed);
                reports.Add(report);
                progress?.Report(report);
            }
        }

        return new FitResult(reports, step - options.CompletedSteps, seconds > 0 ? rows / seconds : 0, IsCancelled: step < end);
    }

    /// <summary>
    /// Makes the graph without running it, so that <see cref="Optimizer.State"/> is there before the first step: for a checkpoint to be read into.
    /// </summary>
    /// <param name="inputWidth">Width of an input row, for a model that takes any.</param>
    /// <exception cref="ShapeException">The model does not fit the width, or the loss does not fit the model.</exception>
    public void Prepare(int inputWidth) => GraphFor(inputWidth);

    /// <summary>Mean loss and accuracy over a data set, in evaluation mode.</summary>
    /// <exception cref="ShapeException">The data does not fit the model.</exception>
    public Evaluation Evaluate(Dataset data)
    {
        var sampler = new MinibatchSampler(data.Count, Math.Min(Math.Max(_options.BatchSize, 256), data.Count), shuffle: false, seed: 0);
        var tally = default(Tally);
        foreach (ReadOnlySpan<int> batch in sampler.Epoch(0))
        {
            RunBatch(PlanKind.Evaluate, data, batch, ref tally);
        }

        return tally.Evaluation;
    }

    /// <summary>Stops the trainer's threads.</summary>
    public void Dispose() => _graph?.Dispose();

    private void RunBatch(PlanKind kind, Dataset data, ReadOnlySpan<int> batch, ref Tally tally)
    {
        TrainingGraph graph = GraphFor(data.Features);
        Check(graph, data);
        Plan plan = PlanFor(graph, kind, batch.Length);
        data.Gather(batch, plan.Fill(graph.Input));
        if (_loss.IsClassifier)
        {
            _labels = _labels.Length >= batch.Length ? _labels : new int[batch.Length];
            data.GatherLabels(batch, _labels.AsSpan(0, batch.Length));
            plan.BindLabels(graph.Targets, _labels.AsSpan(0, batch.Length));
        }
        else
        {
            data.GatherTargets(batch, plan.Fill(graph.Targets));
        }

        BindRate(plan, kind);
        plan.Run();
        (Node loss, Node output) = graph.Results(kind);
        tally.Add(plan[loss].Item, batch.Length);
        if (_loss.IsClassifier)
        {
            tally.Count(plan[output].Span, output.Shape[1], data, batch);
        }
    }

    private void Check(TrainingGraph graph, Dataset data)
    {
        if (data.Features != graph.Input.Shape[1])
        {
            throw new ShapeException($"{data.Name}: rows of {data.Features} numbers do not fit a model of {graph.Input.Shape[1]} inputs");
        }

        if (data.IsClassification != _loss.IsClassifier)
        {
            throw new DataException($"{data.Name}: the loss {_loss.Name} needs {(_loss.IsClassifier ? "class labels, the data has numbers as targets" : "numbers as targets, the data has class labels")}");
        }

        int width = graph.TargetWidth, outputs = graph.Output.Shape[1];
        if (_loss.IsClassifier ? data.Classes > outputs : data.TargetWidth != width)
        {
            throw new ShapeException(_loss.IsClassifier
                ? $"{data.Name}: {data.Classes} classes do not fit a model of {outputs} outputs"
                : $"{data.Name}: targets of {data.TargetWidth} numbers do not fit a loss that takes {width}");
        }
    }

    private Plan Bind(PlanKind kind, ReadOnlySpan<float> inputs, ReadOnlySpan<int> labels)
    {
        Plan plan = BindInputs(kind, inputs, labels.Length);
        return plan.BindLabels(_graph!.Targets, labels);
    }

    private Plan Bind(PlanKind kind, ReadOnlySpan<float> inputs, ReadOnlySpan<float> targets)
    {
        int width = _model.InputWidth is { } known ? Math.Max(1, GraphFor(known).TargetWidth) : 1;
        Plan plan = BindInputs(kind, inputs, targets.Length / width);
        return plan.Bind(_graph!.Targets, targets);
    }

    private Plan BindInputs(PlanKind kind, ReadOnlySpan<float> inputs, int rows)
    {
        if (rows < 1)
        {
            throw new DataException("a minibatch needs at least one row, got none");
        }

        int width = _model.InputWidth ?? inputs.Length / rows;
        if (inputs.Length != (long)rows * width)
        {
            throw new ShapeException($"a minibatch of {rows} targets needs {rows} rows of {width} numbers, {(long)rows * width} in all, got {inputs.Length}");
        }

        TrainingGraph graph = GraphFor(width);
        Plan plan = PlanFor(graph, kind, rows);
        plan.Bind(graph.Input, inputs);
        BindRate(plan, kind);
        return plan;
    }

    private Plan PlanFor(TrainingGraph graph, PlanKind kind, int rows)
    {
        Plan plan = graph.PlanFor(kind, rows);
        Threads = kind == PlanKind.Evaluate ? Threads : plan.Threads;
        return plan;
    }

    private void BindRate(Plan plan, PlanKind kind)
    {
        if (kind == PlanKind.Step)
        {
            double factor = _options.Schedule?.Factor(Steps) ?? 1;
            plan.Fill(_graph!.Rate)[0] = (float)(_optimizer.LearningRate * factor);
            Steps++;
        }
    }

    private float Run(Plan plan)
    {
        plan.Run();
        Output = plan[_graph!.Output];
        return plan[_graph.Loss].Item;
    }

    private float RunForward(Plan plan)
    {
        _forward = null;
        plan.RunFirst();
        _forward = plan;
        Output = plan[_graph!.Output];
        return plan[_graph.Loss].Item;
    }

    private TrainingGraph GraphFor(int inputWidth) =>
        _graph ??= new TrainingGraph(_model, _loss, _optimizer, _model.InputWidth ?? inputWidth, _options);

    /// <summary>Running sums over the rows of an epoch.</summary>
    private struct Tally
    {
        private double _loss;
        private long _correct;
        private bool _hasCorrect;

        public long Rows { get; private set; }

        public readonly Evaluation Evaluation => new(_loss / Rows, _hasCorrect ? (double)_correct / Rows : null);

        public void Add(float meanLoss, int rows) => (_loss, Rows) = (_loss + ((double)meanLoss * rows), Rows + rows);

        public void Count(ReadOnlySpan<float> outputs, int width, Dataset data, ReadOnlySpan<int> batch)
        {
            _hasCorrect = true;
            for (int i = 0; i < batch.Length; i++)
            {
                ReadOnlySpan<float> row = outputs.Slice(i * width, width);
                int best = 0;
                for (int c = 1; c < width; c++)
                {
                    best = row[c] > row[best] ? c : best;
                }

                _correct += best == data.Labels[batch[i]] ? 1 : 0;
            }
        }
    }
}
