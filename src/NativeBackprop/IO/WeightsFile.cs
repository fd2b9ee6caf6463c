using NativeBackprop.Layers;

namespace NativeBackprop.IO;

/// <summary>
/// Weights as safetensors, under the names and in the layouts of PyTorch's <c>state_dict()</c>: parameters and buffers, by their paths in
/// the layer, matrices transposed. A parameter that stands in several places is written under each of its names.
/// </summary>
/// <remarks>Thread safety: any threads may use it at once, each with a layer of its own.</remarks>
public static class WeightsFile
{
    private static readonly Dictionary<string, string> _metadata = new() { ["format"] = "pt" };

    /// <summary>Writes a layer's parameters and buffers, whole or not at all. The same values give the same bytes.</summary>
    /// <exception cref="DataException">The system refuses to write.</exception>
    /// <exception cref="InvalidOperationException">A parameter has no values yet.</exception>
    public static void Save(string path, Layer layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        SafetensorsFile.Write(path, ParameterTensors.Create(Entries(layer)), _metadata);
    }

    /// <summary>Reads a layer's parameters and buffers; they count as initialised then. On failure they are untouched.</summary>
    /// <exception cref="DataException">
    /// The file cannot be read, lacks a parameter, has one that the layer has not, one of another type or shape, or a shared one with
    /// different values under two of its names: the message lists them all; or a value is NaN or infinite.
    /// </exception>
    public static void Load(string path, Layer layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        ParameterTensors.Load(SafetensorsFile.Read(path), Entries(layer));
    }

    internal static (string Name, Parameter Parameter)[] Entries(Layer layer) => [.. layer.Parameters.Entries, .. layer.Buffers.Entries];
}
