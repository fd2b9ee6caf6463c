using System.Globalization;
using NativeBackprop.Layers;

namespace NativeBackprop.IO;

/// <summary>
/// Weights as safetensors, under the names and in the layouts of PyTorch's <c>nn.Sequential.state_dict()</c>: our W [In, Out] is stored
/// transposed, as <c>weight [out, in]</c>, and so is every other matrix; vectors are stored as they are.
/// </summary>
public static class WeightsFile
{
    private static readonly Dictionary<string, string> _metadata = new() { ["format"] = "pt" };

    /// <summary>Writes a model's parameters, whole or not at all.</summary>
    /// <exception cref="DataException">The system refuses to write.</exception>
    public static void Save(string path, Sequential model)
    {
        ArgumentNullException.ThrowIfNull(model);
        SafetensorsFile.Write(path, model.Parameters.Select(parameter => ToTensor(parameter.Name, parameter.Shape, parameter.Value)), _metadata);
    }

    /// <summary>Reads a model's parameters; it counts as initialised then. On failure they are untouched.</summary>
    /// <exception cref="DataException">
    /// The file cannot be read, lacks a parameter, has one that the model has not, or one of another type or shape: the message lists
    /// them all; or a value is NaN or infinite.
    /// </exception>
    public static void Load(string path, Sequential model)
    {
        ArgumentNullException.ThrowIfNull(model);
        Load(SafetensorsFile.Read(path), model.Parameters);
    }

    /// <summary>A tensor of a file from a parameter, or a gradient of one.</summary>
    internal static SafetensorsTensor ToTensor(string name, Shape shape, ReadOnlySpan<float> values) => shape.Rank == 2
        ? SafetensorsTensor.Create(name, [shape[1], shape[0]], Transposed(values, shape[0], shape[1]))
        : SafetensorsTensor.Create(name, shape.Extents, values);

    /// <summary>Fills parameters from the tensors whose names begin with a prefix, which must be exactly theirs.</summary>
    internal static void Load(SafetensorsFile file, IReadOnlyCollection<Parameter> parameters, string prefix = "")
    {
        var faults = new List<string>();
        var byName = file.Tensors.Where(tensor => tensor.Name.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(tensor => tensor.Name[prefix.Length..]);
        foreach (Parameter parameter in parameters)
        {
            int[] expected = FileShape(parameter.Shape);
            if (!byName.Remove(parameter.Name, out SafetensorsTensor? tensor))
            {
                faults.Add($"{parameter.Name} is missing");
            }
            else if (tensor.DType != SafetensorsDType.F32 || !tensor.Shape.SequenceEqual(expected))
            {
                faults.Add($"{parameter.Name}: expected F32 [{string.Join(", ", expected)}], found {tensor.DType} [{string.Join(", ", tensor.Shape.ToArray())}]");
            }
            else if (FiniteCheck.IndexOfNonFinite(tensor.AsSingle()) is var at && at >= 0)
            {
                faults.Add(string.Create(CultureInfo.InvariantCulture, $"{parameter.Name}: element {at} is {tensor.AsSingle()[at]}, expected a finite number"));
            }
        }

        faults.AddRange(byName.Keys.Order(StringComparer.Ordinal).Select(name => $"{name} is unexpected"));
        if (faults.Count > 0)
        {
            const int shown = 10;
            string rest = faults.Count > shown ? $"; and {faults.Count - shown} more" : "";
            throw new DataException($"{file.Path}: the weights do not fit the model: {string.Join("; ", faults.Take(shown))}{rest}");
        }

        foreach (Parameter parameter in parameters)
        {
            ReadOnlySpan<float> values = file[prefix + parameter.Name].AsSingle();
            parameter.Set(parameter.Shape.Rank == 2 ? Transposed(values, parameter.Shape[1], parameter.Shape[0]) : values);
        }
    }

    private static int[] FileShape(Shape shape) => shape.Rank == 2 ? [shape[1], shape[0]] : shape.Extents.ToArray();

    private static float[] Transposed(ReadOnlySpan<float> values, int rows, int columns)
    {
        float[] result = new float[values.Length];
        for (int r = 0; r < rows; r++)
        {
            for (int c = 0; c < columns; c++)
            {
                result[(c * rows) + r] = values[(r * columns) + c];
            }
        }

        return result;
    }
}
