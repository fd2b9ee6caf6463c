using System.CommandLine;
using System.Globalization;
using NativeBackprop.Data;
using NativeBackprop.Interop;
using NativeBackprop.IO;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;

namespace NativeBackprop.Cli;

/// <summary><c>nbp train</c>: trains a network on a data set and says what came of it.</summary>
internal sealed class TrainCommand
{
    private readonly DataOptions _data = new();
    private readonly NetworkOptions _network = new();
    private readonly CheckpointOptions _checkpoint = new();
    private readonly Option<int?> _epochs = Options.Count("--epochs", "Passes over the training rows", 30);
    private readonly Option<int?> _steps = Options.Count(
        "--steps", "Updates in all, instead of --epochs; goes on past the end of an epoch");
    private readonly Option<int?> _batchSize = Options.Count("--batch-size", "Rows of a minibatch", 32);
    private readonly Option<double?> _testSplit = Options.Number<double>(
        "--test-split", "SHARE", "Share of the rows held out for testing; 0 trains on everything", "a number in [0, 1)", value =>
            value is >= 0 and < 1, 0.2);
    private readonly Option<string> _optimizer = Options.Choice(
        "--optimizer", "NAME", "What makes the updates", OptimizerChoice.Names, "adam");
    private readonly Option<float?> _rate = Options.Number<float>(
        "--lr", "RATE", $"Learning rate [default: {Defaults(choice => choice.LearningRate)}]", "a finite number above 0", value =>
            value > 0 && float.IsFinite(value));
    private readonly Option<float?> _weightDecay = Options.Number<float>(
        "--weight-decay", "FACTOR",
        $"Times the parameter, added to its gradient; decoupled for adamw [default: {Defaults(choice => choice.WeightDecay)}]",
        "a finite number of at least 0", value => value >= 0 && float.IsFinite(value));
    private readonly Option<float?> _l2 = Options.Number<float>(
        "--l2", "FACTOR", "Times the sum of all squared weights (not biases), added to the cost", "a finite number of at least 0", value =>
            value >= 0 && float.IsFinite(value), 0);
    private readonly Option<ulong?> _seed = Options.Seed("Seed of the initial weights, the split and the shuffling");
    private readonly Option<int?> _threads = Options.Threads();
    private readonly Option<string> _products = Options.Products();
    private readonly Option<bool> _reproducible = Options.Flag(
        "--reproducible", "Train to the same bits on every machine, with every instruction set and any number of threads");
    private readonly Option<bool> _noShuffle = Options.Flag(
        "--no-shuffle", "Keep the order of the file, for the split and for the batches");
    private readonly Option<string?> _save = Options.Text(
        "--save", "W", "Write the weights there at the end (safetensors), after Ctrl-C too; model and all if it ends in .nbp");
    private readonly Option<string?> _saveModel = Options.Text("--save-model", "M.json", "Write the model file there at the end");
    private readonly Option<string?> _json = Options.Text("--json", "LOG", "Write one JSON object a line there: each epoch, and a summary");

    private TrainCommand()
    {
    }

    public static Command Create() => new TrainCommand().ToCommand();

    private Command ToCommand()
    {
        var command = new Command(
            "train", "Train a network on a data set. Ctrl-C stops it at the next step; the summary comes all the same, and exit code 1.");
        _data.AddTo(command);
        _network.AddTo(command);
        Option[] options = [
            _epochs, _steps, _batchSize, _testSplit, _optimizer, _rate, _weightDecay, _l2, _seed, _threads, _products, _reproducible,
            _noShuffle, _save, _saveModel];
        foreach (Option option in options)
        {
            command.Add(option);
        }

        _checkpoint.AddTo(command);
        command.Add(_json);
        _data.AddCsvOptionsTo(command);
        return command.WithAction(Run);
    }

    private int Run(ParseResult result, TextWriter output, CancellationToken cancellation)
    {
        Options.RefuseBoth(result, _epochs, _steps);
        _network.Check(result);
        _checkpoint.Check(result, _network.Weights);
        OptimizerChoice choice = OptimizerChoice.Find(result.GetRequiredValue(_optimizer));
        Optimizer optimizer = choice.Create(
            result.GetValue(_rate) ?? choice.LearningRate, result.GetValue(_weightDecay) ?? choice.WeightDecay);
        var options = new TrainerOptions
        {
            BatchSize = result.GetValue(_batchSize)!.Value,
            Seed = result.GetValue(_seed)!.Value,
            Shuffle = !result.GetValue(_noShuffle),
            L2 = result.GetValue(_l2)!.Value,
            Threads = result.GetValue(_threads)!.Value,
            Products = Options.Library(result.GetRequiredValue(_products)),
            Reproducible = result.GetValue(_reproducible),
        };

        DataSplit data = Split(result, _data.Open(result), options);
        ModelDescription description = _network.Create(result, data.Train);
        foreach (string path in new[] { _save, _saveModel }.Select(result.GetValue).OfType<string>())
        {
            RequireFolder(path);
        }

        if (data.Train.ClassNames.Count > 0 && result.GetValue(_save) is { } save && !IsTrainedModel(save))
        {
            throw new OptionException($"--save {save}: the names of the classes would be lost, expected a file .nbp");
        }

        using var log = new TrainingLog(result.GetValue(_json), append: result.GetValue(_checkpoint.Resume));
        using var trainer = new Trainer(
            description.Model, description.CreateLoss(denseTargets: !data.Train.IsClassification), optimizer, options);
        (long completed, Action saveCheckpoint) = _checkpoint.Open(result, output, description, choice, trainer, options, data.Train);
        string resumed = completed > 0 ? $", {completed} steps made before" : "";
        output.WriteLine($"{data.Train.Name}: {data.Train.Count} rows to train on, {data.Test?.Count ?? 0} held out");
        output.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{description.Model.Parameters.Size} parameters, {choice.Name} at {optimizer.LearningRate}, batches of " +
                    $"{options.BatchSize}{resumed}"));

        FitResult fit = Fit(result, output, trainer, data, options.BatchSize, completed, log, saveCheckpoint, cancellation);
        if (fit.IsCancelled)
        {
            saveCheckpoint();
        }

        if (result.GetValue(_save) is { } weights)
        {
            Save(weights, description, data.Train);
        }

        if (result.GetValue(_saveModel) is { } model)
        {
            ModelFile.Write(model, description);
        }

        // What is held out is measured once more where the last epoch was broken off.
        bool isWhole = !fit.IsCancelled && fit.Last is not null;
        var summary = new TrainingSummary(
            fit.Last?.Train,
            isWhole || data.Test is null ? fit.Last?.Test : trainer.Evaluate(data.Test),
            fit.Epochs.Count, fit.Steps, fit.SamplesPerSecond, trainer.Threads, options.Seed, fit.IsCancelled, NativeLibraries.Info);
        log.Write(summary);
        summary.WriteTo(output);
        return fit.IsCancelled ? CliHost.Failure : CliHost.Success;
    }

    private static bool IsTrainedModel(string path) => path.EndsWith(".nbp", StringComparison.OrdinalIgnoreCase);

    private static void Save(string path, ModelDescription description, Dataset data)
    {
        if (IsTrainedModel(path))
        {
            TrainedModelFile.Save(path, description, data.ClassNames);
        }
        else
        {
            WeightsFile.Save(path, description.Model);
        }
    }

    private FitResult Fit(
        ParseResult result, TextWriter output, Trainer trainer, DataSplit data, int batchSize, long completed, TrainingLog log,
        Action saveCheckpoint, CancellationToken cancellation)
    {
        int batches = (int)(((long)data.Train.Count + batchSize - 1) / batchSize);
        int? steps = result.GetValue(_steps);
        int epochs = steps is { } count ? (int)(((long)count + batches - 1) / batches) : result.GetValue(_epochs)!.Value;
        try
        {
            var fit = new FitOptions { Epochs = epochs, Steps = steps, CompletedSteps = completed };
            return TrainingDisplay.Run(
                output, completed, steps ?? (long)epochs * batches, epochs, Keep,
                (onEpoch, onStep) => trainer.Fit(data.Train, data.Test, fit with { StepProgress = onStep }, onEpoch, cancellation));

            void Keep(EpochReport report)
            {
                log.Write(report);
                saveCheckpoint();
            }
        }
        catch (NonFiniteException error)
        {
            throw new DataException($"training diverged: {error.Message}; a smaller --lr may help", error);
        }
    }

    private DataSplit Split(ParseResult result, DataSplit data, TrainerOptions options) => data.Test is null
        ? data.Train.Split(result.GetValue(_testSplit)!.Value, options.Shuffle, options.Seed)
        : Options.IsGiven(result, _testSplit)
        ? throw new OptionException($"--test-split: {data.Train.Name} has a test set of its own, expected no share to hold out")
        : data;

    // Better now than after an hour of training.
    private static void RequireFolder(string path)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path)) ?? path;
        if (!Directory.Exists(folder))
        {
            throw new DataException($"{path}: cannot be written: there is no folder {folder}");
        }
    }

    private static string Defaults(Func<OptimizerChoice, float> value) =>
        string.Join("; ", OptimizerChoice.All.GroupBy(value).Select(group =>
        string.Create(CultureInfo.InvariantCulture, $"{group.Key} for {string.Join(", ", group.Select(choice => choice.Name))}")));
}
