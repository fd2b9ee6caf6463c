using System.CommandLine;
using System.Globalization;
using NativeBackprop.Data;
using NativeBackprop.IO;
using NativeBackprop.Training;

namespace NativeBackprop.Cli;

/// <summary><c>--checkpoint</c> and <c>--resume</c>.</summary>
internal sealed class CheckpointOptions
{
    private const string FileName = "checkpoint.safetensors";

    private readonly Option<string?> _folder = Options.Text(
        "--checkpoint", "DIR", $"Keep {FileName} there, written after each epoch and after Ctrl-C");

    public Option<bool> Resume { get; } = Options.Flag(
        "--resume", "Go on from the checkpoint in DIR; --epochs and --steps count from the run's beginning");

    public void AddTo(Command command)
    {
        command.Add(_folder);
        command.Add(Resume);
    }

    /// <summary>Refuses <c>--resume</c> without a place to resume from, or with weights from elsewhere.</summary>
    public void Check(ParseResult result, Option weights)
    {
        Options.RefuseBoth(result, Resume, weights);
        if (result.GetValue(Resume) && result.GetValue(_folder) is null)
        {
            throw new OptionException("--resume: expected --checkpoint DIR with it, got none");
        }
    }

    /// <summary>Reads the checkpoint if the run is to be resumed, and returns what writes the next ones.</summary>
    /// <returns>Steps that the run has made already, and what to call when a checkpoint is due.</returns>
    public (long CompletedSteps, Action Save) Open(
        ParseResult result, TextWriter output, ModelDescription description, OptimizerChoice choice, Trainer trainer,
        TrainerOptions options, Dataset train)
    {
        if (result.GetValue(_folder) is not { } folder)
        {
            return (0, () => { });
        }

        // What an order of rows and a state depend on. Rates and factors may change between two parts of a run.
        var settings = new Dictionary<string, string>
        {
            ["model"] = ModelFile.Format(description),
            ["optimizer"] = choice.Name,
            ["batch_size"] = options.BatchSize.ToString(CultureInfo.InvariantCulture),
            ["seed"] = options.Seed.ToString(CultureInfo.InvariantCulture),
            ["shuffle"] = options.Shuffle ? "true" : "false",
            ["rows"] = train.Count.ToString(CultureInfo.InvariantCulture),
        };
        string path = Path.Combine(folder, FileName);
        long completed = 0;
        trainer.Prepare(train.Features);
        if (result.GetValue(Resume))
        {
            (long steps, string? notice) = CheckpointFile.Load(path, description.Model, trainer.State, settings);
            (completed, trainer.Steps) = (steps, steps);
            if (notice is not null)
            {
                output.WriteLine(notice);
            }
        }
        else
        {
            Directory.CreateDirectory(folder);
        }

        return (completed, () => CheckpointFile.Save(path, description.Model, trainer.State, trainer.Steps, settings));
    }
}
