namespace NativeBackprop.Layers;

/// <summary>All values of a layer's parameters and buffers at one moment; see <see cref="Layer.Snapshot"/>.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed class LayerSnapshot
{
    private readonly (string Name, Shape Shape, int Index)[] _structure;
    private readonly float[][] _values;

    internal LayerSnapshot(ParameterSet parameters, ParameterSet buffers)
    {
        _structure = Structure(parameters, buffers);
        _values = [.. parameters.Concat(buffers).Select(parameter => parameter.Value.ToArray())];
    }

    /// <summary>Sets all values, or none.</summary>
    internal void CopyTo(ParameterSet parameters, ParameterSet buffers)
    {
        if (!Structure(parameters, buffers).AsSpan().SequenceEqual(_structure))
        {
            throw new DataException(
                $"the snapshot is of another structure: expected {Describe(Structure(parameters, buffers))}, found {Describe(_structure)}");
        }

        foreach ((Parameter parameter, float[] values) in parameters.Concat(buffers).Zip(_values))
        {
            values.CopyTo(parameter.Span);
            parameter.MarkWritten();
        }
    }

    // Names with what they stand for: the position tells which names share a parameter.
    private static (string Name, Shape Shape, int Index)[] Structure(ParameterSet parameters, ParameterSet buffers)
    {
        Parameter[] all = [.. parameters, .. buffers];
        var positions = all.Select((parameter, i) => (parameter, i)).ToDictionary(pair => pair.parameter, pair => pair.i);
        return [.. parameters.Entries.Concat(buffers.Entries)
            .Select(entry => (entry.Name, entry.Parameter.Shape, positions[entry.Parameter]))];
    }

    private static string Describe((string Name, Shape Shape, int Index)[] structure)
    {
        const int shown = 10;
        string rest = structure.Length > shown ? $" and {structure.Length - shown} more" : "";
        string text = string.Join(", ", structure.Take(shown).Select(entry => $"{entry.Name} {entry.Shape}"));
        return structure.Length == 0 ? "no parameter" : text + rest;
    }
}
