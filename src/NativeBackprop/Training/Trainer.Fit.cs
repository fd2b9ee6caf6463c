using System.Diagnostics;
using NativeBackprop.Data;

namespace NativeBackprop.Training;

public sealed partial class Trainer
{
    // The thread that Fit runs on; 0 when none does.
    private int _fitting;

    /// <summary>
    /// Trains for a number of epochs. Cancelling stops at the next step; the result says so, and holds what was reached.
    /// </summary>
    /// <remarks>
    /// Progress is told between two steps, on the thread that trains, and may use the trainer, except for another Fit. What
    /// <see cref="Progress{T}"/> makes of it comes later, on another thread, possibly after Fit has returned; hand in an
    /// <see cref="IProgress{T}"/> of your own to be told at once.
    /// </remarks>
    /// <param name="train">Rows to train on.</param>
    /// <param name="test">Rows to evaluate after each epoch, or null.</param>
    /// <param name="epochs">Passes over the training rows, at least 1.</param>
    /// <param name="progress">Told of every epoch.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <exception cref="ShapeException">The data does not fit the model.</exception>
    /// <exception cref="DataException">The data is not of the kind that the loss needs.</exception>
    /// <exception cref="OptionException">epochs is below 1.</exception>
    /// <exception cref="NonFiniteException">The cost became NaN or infinite; the step of that number has changed nothing.</exception>
    /// <exception cref="GraphException">An op met a value outside its domain, or a user's code failed.</exception>
    public FitResult Fit(
        Dataset train, Dataset? test, int epochs, IProgress<EpochReport>? progress = null, CancellationToken cancellationToken = default) =>
        Fit(train, test, new FitOptions { Epochs = epochs }, progress, cancellationToken);

    /// <summary>Trains for a number of epochs or of steps, from the start or from where an earlier run has stopped.</summary>
    /// <inheritdoc cref="Fit(Dataset, Dataset, int, IProgress{EpochReport}, CancellationToken)"/>
    /// <exception cref="OptionException">An option is outside its domain.</exception>
    public FitResult Fit(
        Dataset train, Dataset? test, FitOptions options, IProgress<EpochReport>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(options);
        options.Validated();
        BeginFit(train, test);
        try
        {
            return RunFit(train, test, options, progress, cancellationToken);
        }
        finally
        {
            Volatile.Write(ref _fitting, 0);
        }
    }

    /// <summary>Mean loss and accuracy over a data set, in evaluation mode. Touches nothing of a step that is under way.</summary>
    /// <exception cref="ShapeException">The data does not fit the model.</exception>
    /// <exception cref="DataException">The data is not of the kind that the loss needs.</exception>
    /// <exception cref="GraphException">An op met a value outside its domain, or a user's code failed.</exception>
    public Evaluation Evaluate(Dataset data)
    {
        ArgumentNullException.ThrowIfNull(data);
        using Occupancy.Guard inside = Enter();
        TrainingGraph graph = GraphFor(data.Features, !data.Lengths.IsEmpty);
        Check(graph, data);
        ThreadTeam? team = StepFor(graph).Team;
        _evaluator ??= new Evaluator(graph, _options);
        var sampler = new MinibatchSampler(data.Count, Math.Min(Math.Max(_options.BatchSize, 256), data.Count), shuffle: false, seed: 0);
        var tally = default(Tally);
        foreach (ReadOnlySpan<int> batch in sampler.Epoch(0))
        {
            int rows = batch.Length;
            InputRows.Fill(graph, data, batch, _evaluator.FillInput);
            Plan plan = _evaluator.Run(rows, team);
            Count(ref tally, plan[graph.EvaluationLoss].Item, plan[graph.EvaluationOutput], data, batch);
        }

        return tally.Evaluation;
    }

    private FitResult RunFit(
        Dataset train, Dataset? test, FitOptions options, IProgress<EpochReport>? progress, CancellationToken cancellationToken)
    {
        var sampler = new MinibatchSampler(
            train.Count, Math.Min(_options.BatchSize, train.Count), _options.Shuffle, _options.Seed, _graph!.NeedsSeveralRows);
        int batches = sampler.BatchesPerEpoch;
        long end = options.Steps ?? (long)options.Epochs * batches;
        var reports = new List<EpochReport>();
        long step = options.CompletedSteps, rows = 0;
        if (step > 0)
        {
            Steps = step;
        }

        double seconds = 0;
        while (step < end && !cancellationToken.IsCancellationRequested)
        {
            // Fits: the end is an int of steps, or an int of epochs.
            int epoch = (int)(step / batches);
            long stop = Math.Min(end, (epoch + 1L) * batches), start = Stopwatch.GetTimestamp();
            var tally = default(Tally);
            for (; step < stop && !cancellationToken.IsCancellationRequested; step++)
            {
                RunBatch(train, sampler.Batch(epoch, (int)(step % batches)), ref tally);
                if (options.StepProgress is { } told)
                {
                    UserCode.Report("the progress of steps", told, step + 1);
                }
            }

            double elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
            (seconds, rows) = (seconds + elapsed, rows + tally.Rows);
            if (step == stop)
            {
                var report = new EpochReport(epoch + 1, tally.Evaluation, test is null ? null : Evaluate(test), elapsed);
                reports.Add(report);
                if (progress is not null)
                {
                    UserCode.Report("the progress of epochs", progress, report);
                }
            }
        }

        return new FitResult(reports, step - options.CompletedSteps, seconds > 0 ? rows / seconds : 0, IsCancelled: step < end);
    }

    private void RunBatch(Dataset data, ReadOnlySpan<int> batch, ref Tally tally)
    {
        using Occupancy.Guard inside = Enter();
        TrainingGraph graph = _graph!;
        TrainingStep step = _step!;
        int rows = batch.Length;
        step.BeginRound();
        InputRows.Fill(graph, data, batch, _fill!);
        FillWeights(step, graph, [], rows);
        Count(ref tally, RunStep(step), step[graph.Output], data, batch);
    }

    private void BeginFit(Dataset train, Dataset? test)
    {
        using Occupancy.Guard inside = Enter();
        TrainingGraph graph = GraphFor(train.Features, !train.Lengths.IsEmpty || test?.Lengths.IsEmpty == false);
        Check(graph, train);
        if (test is not null)
        {
            Check(graph, test);
        }

        StepFor(graph);
        if (Interlocked.CompareExchange(ref _fitting, Environment.CurrentManagedThreadId, 0) != 0)
        {
            throw Refusal.InvalidOperation("Fit is running: a second one cannot begin before it has ended");
        }
    }

    // While Fit runs, the trainer belongs to its thread: what progress calls back may use it, others may not.
    private Occupancy.Guard Enter()
    {
        int fitting = Volatile.Read(ref _fitting);
        return fitting == 0 || fitting == Environment.CurrentManagedThreadId
            ? _use.Enter()
            : throw Refusal.InvalidOperation(
                "the trainer is in use: Fit runs on another thread, and a trainer belongs to one at a time");
    }

    private static void Count(ref Tally tally, float loss, Tensor output, Dataset data, ReadOnlySpan<int> batch)
    {
        if (data.IsClassification)
        {
            tally.Count(loss, output, data, batch);
        }
        else
        {
            tally.Add(loss, batch.Length, batch.Length);
        }
    }

    private void Check(TrainingGraph graph, Dataset data)
    {
        int width = graph.Rows.Length, targetWidth = graph.TargetLength;
        int classes = _byClass ? graph.Targets.Op.IndexRange.Bound : 0;
        if (data.Features != width)
        {
            throw new ShapeException($"{data.Name}: rows of {data.Features} numbers do not fit a model of {width} inputs");
        }

        if (data.HasIndices != graph.Rows.AreIndices)
        {
            throw new DataException($"{data.Name}: the model takes rows of " + (graph.Rows.AreIndices
                ? "indices, the data has numbers"
                : "numbers, the data has indices"));
        }

        if (!data.Lengths.IsEmpty && graph.Lengths is null)
        {
            throw new DataException(
                $"{data.Name}: the rows have lengths, and the trainer has begun with rows of equal length: set "
                + $"{nameof(TrainerOptions)}.{nameof(TrainerOptions.TakesLengths)}");
        }

        if (data.HasIndices && data.IndexBound > graph.Input.Op.IndexRange.Bound)
        {
            throw new ShapeException(
                $"{data.Name}: {data.IndexBound} different indices do not fit a model of {graph.Input.Op.IndexRange.Bound} of them");
        }

        if (data.IsClassification != _byClass)
        {
            throw new DataException($"{data.Name}: the loss {_lossName} needs " + (_byClass
                ? "class labels, the data has numbers as targets"
                : "numbers as targets, the data has class labels"));
        }

        if (data.HasUnlabelled && !graph.Targets.Op.IndexRange.AllowsNone)
        {
            throw new DataException($"{data.Name}: the loss {_lossName} takes no label {IndexRange.NoClass}, which stands for none");
        }

        if (data.TargetLength != targetWidth || (_byClass && data.Classes > classes))
        {
            throw new ShapeException(!_byClass
                ? $"{data.Name}: targets of {data.TargetWidth} numbers do not fit a loss that takes {targetWidth}"
                : data.LabelsPerRow != targetWidth
                ? $"{data.Name}: {data.LabelsPerRow} labels a row do not fit a loss that takes {targetWidth}"
                : $"{data.Name}: {data.Classes} classes do not fit a loss over {classes} of them");
        }
    }
}
