using System.Globalization;
using System.Text.Json;

namespace NativeBackprop.IO;

/// <summary>
/// A trained model as one safetensors file, <c>.nbp</c>: its tensors are those of a <see cref="WeightsFile"/>, its metadata has
/// <c>format</c>, <c>format_version</c>, <c>model</c> (the text of a <see cref="ModelFile"/>) and <c>classes</c> (a list of names).
/// </summary>
/// <remarks>Thread safety: any threads may use it at once, each with a model of its own.</remarks>
public static class TrainedModelFile
{
    private const string Format = "format", Marker = "nbp", Version = "format_version", Model = "model", ClassNames = "classes";
    private const int CurrentVersion = 1;

    /// <summary>Writes a file, whole or not at all. The same values give the same bytes.</summary>
    /// <param name="path">Where to.</param>
    /// <param name="description">The model.</param>
    /// <param name="classes">The classes' names; null or empty where there are none.</param>
    /// <exception cref="DataException">A layer has no place in model files, or the system refuses to write.</exception>
    /// <exception cref="InvalidOperationException">A parameter has no values yet.</exception>
    public static void Save(string path, ModelDescription description, IReadOnlyList<string>? classes = null)
    {
        ArgumentNullException.ThrowIfNull(description);
        var metadata = new Dictionary<string, string>
        {
            [Format] = Marker,
            [Version] = CurrentVersion.ToString(CultureInfo.InvariantCulture),
            [Model] = ModelFile.Format(description),
        };
        if (classes is { Count: > 0 })
        {
            metadata[ClassNames] = JsonSerializer.Serialize(classes);
        }

        SafetensorsFile.Write(path, ParameterTensors.Create(WeightsFile.Entries(description.Model)), metadata);
    }

    /// <summary>Reads a file.</summary>
    /// <exception cref="DataException">
    /// The file cannot be read, is none of these or of a later version, its model or its classes make no sense, or its tensors are not the
    /// model's.
    /// </exception>
    public static TrainedModel Load(string path)
    {
        SafetensorsFile file = SafetensorsFile.Read(path);
        if (file.Metadata.GetValueOrDefault(Format) != Marker)
        {
            throw new DataException($"{path}: expected a trained model, whose {Format} is '{Marker}', found "
                + $"{(file.Metadata.TryGetValue(Format, out string? format) ? $"'{format}'" : "none")}");
        }

        string version = Required(file, Version);
        if (version != CurrentVersion.ToString(CultureInfo.InvariantCulture))
        {
            throw new DataException($"{path}: expected {Format}_version {CurrentVersion}, which this program reads, found '{version}'");
        }

        ModelDescription description = ModelFile.Parse(Required(file, Model), path);
        ParameterTensors.Load(file, WeightsFile.Entries(description.Model));
        return new TrainedModel(description, Names(file));
    }

    private static string Required(SafetensorsFile file, string key) => file.Metadata.TryGetValue(key, out string? value)
        ? value
        : throw new DataException($"{file.Path}: expected '{key}' in the metadata, found {string.Join(", ", file.Metadata.Keys)}");

    private static string[] Names(SafetensorsFile file)
    {
        if (!file.Metadata.TryGetValue(ClassNames, out string? text))
        {
            return [];
        }

        try
        {
            string[]? names = JsonSerializer.Deserialize<string[]>(text);
            return names is not null && Array.TrueForAll(names, name => name is not null) ? names : throw Wrong(null);
        }
        catch (JsonException e)
        {
            throw Wrong(e);
        }

        DataException Wrong(Exception? cause) =>
            new($"{file.Path}: expected a list of names under '{ClassNames}', found other JSON", cause);
    }
}
