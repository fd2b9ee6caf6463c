using System.Globalization;
using NativeBackprop.Layers;
using NativeBackprop.Optimizers;

namespace NativeBackprop.IO;

/// <summary>
/// A training run between two steps, as one safetensors file: the parameters (<c>model.0.weight</c>), what layers keep besides
/// (<c>layers.2.stream</c>), the optimizer's state (<c>optimizer.0.weight.velocity</c>), and as metadata the number of steps and whatever must
/// be the same for the run to go on as if it had never stopped.
/// </summary>
public static class CheckpointFile
{
    private const string Steps = "steps", Format = "format", Marker = "nbp-checkpoint";

    /// <summary>Writes a checkpoint, whole or not at all.</summary>
    /// <param name="path">Where to; the checkpoint before is replaced.</param>
    /// <param name="model">The model.</param>
    /// <param name="optimizer">The optimizer, with its state.</param>
    /// <param name="steps">Updates made so far.</param>
    /// <param name="settings">What <see cref="Load"/> shall find unchanged, by name.</param>
    /// <exception cref="DataException">The system refuses to write.</exception>
    public static void Save(string path, Sequential model, Optimizer optimizer, int steps, IReadOnlyDictionary<string, string> settings)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(optimizer);
        var metadata = new Dictionary<string, string>(settings)
        {
            [Format] = Marker,
            [Steps] = steps.ToString(CultureInfo.InvariantCulture),
        };
        SafetensorsFile.Write(
            path,
            Parts(model, optimizer).SelectMany(part => part.Parameters.Select(parameter => WeightsFile.ToTensor(part.Prefix + parameter.Name, parameter.Shape, parameter.Value))),
            metadata);
    }

    /// <summary>Reads a checkpoint into a model and an optimizer whose trainer is prepared; on failure neither is usable.</summary>
    /// <returns>Updates made so far.</returns>
    /// <exception cref="DataException">The file cannot be read, is no checkpoint, or is one of another model, optimizer or setting.</exception>
    public static int Load(string path, Sequential model, Optimizer optimizer, IReadOnlyDictionary<string, string> settings)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(settings);
        SafetensorsFile file = SafetensorsFile.Read(path);
        if (file.Metadata.GetValueOrDefault(Format) != Marker || !int.TryParse(file.Metadata.GetValueOrDefault(Steps), NumberStyles.None, CultureInfo.InvariantCulture, out int steps))
        {
            throw new DataException($"{path}: expected a checkpoint, found a file without its metadata");
        }

        foreach ((string name, string value) in settings)
        {
            if (file.Metadata.GetValueOrDefault(name) is var saved && saved != value)
            {
                throw new DataException($"{path}: the checkpoint is of another run: expected {name} {value}, found {saved ?? "none"}");
            }
        }

        foreach ((string prefix, IReadOnlyList<Parameter> parameters) in Parts(model, optimizer))
        {
            WeightsFile.Load(file, parameters, prefix);
        }

        return steps;
    }

    private static (string Prefix, IReadOnlyList<Parameter> Parameters)[] Parts(Sequential model, Optimizer optimizer) =>
        [("model.", model.Parameters), ("layers.", [.. model.State]), ("optimizer.", [.. optimizer.State])];
}
