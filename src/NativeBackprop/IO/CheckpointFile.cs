using System.Globalization;
using NativeBackprop.Layers;
using NativeBackprop.Training;

namespace NativeBackprop.IO;

/// <summary>
/// A training run between two steps, as one safetensors file: parameters and buffers (<c>model.0.weight</c>), the state of whoever trains
/// them (<c>optimizer.0.weight.velocity</c>, <c>context.runs</c>), and as metadata the number of steps and whatever must be the same for
/// the run to go on as if it had never stopped.
/// </summary>
/// <remarks>Thread safety: any threads may use it at once, each with a layer and a trainer of its own.</remarks>
public static class CheckpointFile
{
    private const string Steps = "steps", Format = "format", Marker = "nbp-checkpoint", Version = "format_version";
    private const string ModelPrefix = "model.", ContextPrefix = "context.";
    private const int CurrentVersion = 2;

    // In the first edition each dropout layer kept a stream of its own.
    private const string FirstStreamPrefix = "layers.", FirstStreamName = ".stream";

    /// <summary>Writes a checkpoint, whole or not at all.</summary>
    /// <param name="path">Where to; the checkpoint before is replaced.</param>
    /// <param name="model">What is trained.</param>
    /// <param name="state">The state of the trainer or training step.</param>
    /// <param name="steps">Updates made so far.</param>
    /// <param name="settings">What <see cref="Load"/> shall find unchanged, by name.</param>
    /// <exception cref="DataException">The system refuses to write.</exception>
    /// <exception cref="OptionException">
    /// The number of steps is negative or above 2^53, or a setting has a name that the file needs.
    /// </exception>
    public static void Save(string path, Layer model, ParameterSet state, long steps, IReadOnlyDictionary<string, string> settings)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(state);
        RequireSettings(settings);
        if (steps is < 0 or > TrainingStep.MostSteps)
        {
            throw new OptionException($"the number of steps must lie in 0..{TrainingStep.MostSteps}, got {steps}");
        }

        var metadata = new Dictionary<string, string>(settings)
        {
            [Format] = Marker,
            [Version] = CurrentVersion.ToString(CultureInfo.InvariantCulture),
            [Steps] = steps.ToString(CultureInfo.InvariantCulture),
        };
        SafetensorsFile.Write(path, ParameterTensors.Create(Entries(model, state.Entries)), metadata);
    }

    /// <summary>
    /// Reads a checkpoint into a model and the state of its trainer, which must be prepared. On failure both are untouched. Which
    /// parameters were frozen when it was written, and which are now, makes no difference: each one's state is restored, and one that had
    /// none starts anew.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="model">What is trained.</param>
    /// <param name="state">The state of the trainer or training step.</param>
    /// <param name="settings">What must be the same as when the checkpoint was written.</param>
    /// <returns>Updates made so far; and what starts anew because the file, of an earlier edition, lacks it, or null.</returns>
    /// <exception cref="DataException">
    /// The file cannot be read, is no checkpoint, is of a later edition, or is one of another model, optimizer or setting.
    /// </exception>
    /// <exception cref="OptionException">A setting has a name that the file needs.</exception>
    public static (long Steps, string? Notice) Load(
        string path, Layer model, ParameterSet state, IReadOnlyDictionary<string, string> settings)
    {
        RequireSettings(settings);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(state);
        SafetensorsFile file = SafetensorsFile.Read(path);
        string? count = file.Metadata.GetValueOrDefault(Steps);
        if (file.Metadata.GetValueOrDefault(Format) != Marker
            || !long.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out long steps))
        {
            throw new DataException($"{path}: expected a checkpoint, found a file without its metadata");
        }

        if (steps > TrainingStep.MostSteps)
        {
            throw new DataException($"{path}: expected at most {TrainingStep.MostSteps} steps, found {steps}");
        }

        string? version = file.Metadata.GetValueOrDefault(Version);
        if (version is not null && version != CurrentVersion.ToString(CultureInfo.InvariantCulture))
        {
            throw new DataException(
                $"{path}: expected a checkpoint of version {CurrentVersion} or of the first edition, found version {version}");
        }

        foreach ((string name, string value) in settings)
        {
            if (file.Metadata.GetValueOrDefault(name) is var saved && saved != value)
            {
                throw new DataException($"{path}: the checkpoint is of another run: expected {name} {value}, found {saved ?? "none"}");
            }
        }

        string? notice = null;
        if (version is null)
        {
            (file, bool hasStreams) = WithoutStreams(file);
            notice = hasStreams ? $"{path} is a checkpoint of the first edition: the random masks of dropout start anew" : null;
        }

        StateDraft? draft = state.Draft?.Invoke(file.Tensors.Select(tensor => tensor.Name).ToHashSet());
        List<(string Name, Parameter Parameter)> entries = Entries(model, draft?.Entries ?? state.Entries);
        if (version is null)
        {
            entries.RemoveAll(entry => entry.Name.StartsWith(ContextPrefix, StringComparison.Ordinal));
        }

        ParameterTensors.Load(file, entries);
        draft?.Commit();
        return (steps, notice);
    }

    private static List<(string Name, Parameter Parameter)> Entries(
        Layer model, IReadOnlyList<(string Name, Parameter Parameter)> state) =>
        [.. WeightsFile.Entries(model).Select(entry => (ModelPrefix + entry.Name, entry.Parameter)), .. state];

    private static (SafetensorsFile File, bool HasStreams) WithoutStreams(SafetensorsFile file)
    {
        SafetensorsTensor[] rest = [.. file.Tensors.Where(tensor => !IsStream(tensor.Name))];
        return (file.With(rest), rest.Length < file.Tensors.Count);
    }

    private static bool IsStream(string name) =>
        name.StartsWith(FirstStreamPrefix, StringComparison.Ordinal) && name.EndsWith(FirstStreamName, StringComparison.Ordinal);

    private static void RequireSettings(IReadOnlyDictionary<string, string> settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        foreach (string name in (string[])[Format, Version, Steps])
        {
            if (settings.ContainsKey(name))
            {
                throw new OptionException($"a setting cannot be named {name}, which the checkpoint itself needs");
            }
        }
    }
}
