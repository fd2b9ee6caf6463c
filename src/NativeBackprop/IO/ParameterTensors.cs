using System.Globalization;

namespace NativeBackprop.IO;

/// <summary>
/// Parameters as tensors of a file, in PyTorch's layout: our W [In, Out] is stored transposed, as <c>[out, in]</c>, and so is whatever has
/// its dimensions in another order there (<see cref="Parameter.FileOrder"/>); counts are stored as 64-bit integers.
/// </summary>
internal static class ParameterTensors
{
    /// <summary>The tensors of all names; a parameter with several names is there under each.</summary>
    public static IEnumerable<SafetensorsTensor> Create(IEnumerable<(string Name, Parameter Parameter)> entries) =>
        entries.Select(entry => Create(entry.Name, entry.Parameter));

    /// <summary>The tensor of numbers in a parameter's layout: of its values, or of its gradient.</summary>
    public static SafetensorsTensor Create(string name, Parameter parameter, ReadOnlySpan<float> values) =>
        SafetensorsTensor.Create(name, FileShape(parameter), Permuted(values, parameter.Shape.Extents, parameter.FileOrder));

    /// <summary>
    /// Sets parameters from the tensors of a file, which must be exactly theirs: all of them, or none. A parameter with several names may
    /// be there under any of them, with the same values.
    /// </summary>
    /// <exception cref="DataException">Something does not fit; the message lists what.</exception>
    public static void Load(SafetensorsFile file, IReadOnlyList<(string Name, Parameter Parameter)> entries)
    {
        var faults = new List<string>();
        var tensors = file.Tensors.ToDictionary(tensor => tensor.Name);
        var read = new Dictionary<Parameter, (string Name, float[] Values)>();
        foreach ((string name, Parameter parameter) in entries)
        {
            if (!tensors.Remove(name, out SafetensorsTensor? tensor))
            {
                continue;
            }

            float[] values = Values(name, parameter, tensor, faults);
            if (!read.TryAdd(parameter, (name, values)) && !values.AsSpan().SequenceEqual(read[parameter].Values))
            {
                faults.Add($"{name} has other values than {read[parameter].Name}, which is the same parameter");
            }
        }

        faults.AddRange(entries.DistinctBy(entry => entry.Parameter).Where(entry => !read.ContainsKey(entry.Parameter))
            .Select(entry => $"{entry.Name} is missing"));
        faults.AddRange(tensors.Keys.Order(StringComparer.Ordinal).Select(name => $"{name} is unexpected"));
        if (faults.Count > 0)
        {
            const int shown = 10;
            string rest = faults.Count > shown ? $"; and {faults.Count - shown} more" : "";
            throw new DataException($"{file.Path}: the weights do not fit the model: {string.Join("; ", faults.Take(shown))}{rest}");
        }

        foreach ((Parameter parameter, (_, float[] values)) in read)
        {
            parameter.Set(values);
        }
    }

    private static SafetensorsTensor Create(string name, Parameter parameter) => parameter.IsCount
        ? SafetensorsTensor.Create(name, FileShape(parameter), Array.ConvertAll(parameter.Value.ToArray(), value => (long)value))
        : Create(name, parameter, parameter.Value);

    /// <summary>A tensor's values in the parameter's layout; adds what is wrong with them.</summary>
    private static float[] Values(string name, Parameter parameter, SafetensorsTensor tensor, List<string> faults)
    {
        int[] expected = FileShape(parameter);
        SafetensorsDType type = parameter.IsCount ? SafetensorsDType.I64 : SafetensorsDType.F32;

        // The first edition has counts as float32.
        bool fits = tensor.DType == type || (parameter.IsCount && tensor.DType == SafetensorsDType.F32);
        if (!fits || !tensor.Shape.SequenceEqual(expected))
        {
            string found = string.Join(", ", tensor.Shape.ToArray());
            faults.Add($"{name}: expected {type} [{string.Join(", ", expected)}], found {tensor.DType} [{found}]");
            return [];
        }

        if (parameter.IsCount)
        {
            double[] counts = tensor.DType == type
                ? Array.ConvertAll(tensor.AsInt64().ToArray(), count => (double)count)
                : Array.ConvertAll(tensor.AsSingle().ToArray(), count => (double)count);
            if (Array.FindIndex(counts, count => !Parameter.IsCountable(count)) is var wrong && wrong >= 0)
            {
                string found = counts[wrong].ToString(CultureInfo.InvariantCulture);
                faults.Add($"{name}: element {wrong} is {found}, expected a count of at most {1 << 24}");
            }

            return Array.ConvertAll(counts, count => (float)count);
        }

        ReadOnlySpan<float> values = tensor.AsSingle();
        if (FiniteCheck.IndexOfNonFinite(values) is var at && at >= 0)
        {
            faults.Add(string.Create(CultureInfo.InvariantCulture, $"{name}: element {at} is {values[at]}, expected a finite number"));
        }

        int[] back = [.. Enumerable.Range(0, expected.Length).Select(axis => Array.IndexOf(parameter.FileOrder, axis))];
        return Permuted(values, expected, back);
    }

    private static int[] FileShape(Parameter parameter) => [.. parameter.FileOrder.Select(axis => parameter.Shape[axis])];

    // The values in row-major order of the permuted dimensions.
    private static float[] Permuted(ReadOnlySpan<float> values, ReadOnlySpan<int> extents, int[] order)
    {
        int rank = extents.Length, from = 0;
        int[] strides = Shape.Create(extents).Strides(), at = new int[rank];
        float[] result = new float[values.Length];
        for (int i = 0; i < result.Length; i++)
        {
            result[i] = values[from];
            for (int d = rank - 1; d >= 0; d--)
            {
                int axis = order[d];
                from += strides[axis];
                if (++at[d] < extents[axis])
                {
                    break;
                }

                from -= at[d] * strides[axis];
                at[d] = 0;
            }
        }

        return result;
    }
}
