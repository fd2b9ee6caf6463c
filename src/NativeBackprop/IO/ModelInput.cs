using System.Text.Json;

namespace NativeBackprop.IO;

/// <summary>
/// A model file's <c>input</c> and <c>input_type</c>: one row's shape in PyTorch's order, and what its numbers are where the shape leaves
/// that open.
/// </summary>
internal static class ModelInput
{
    /// <summary>The <c>input_type</c> of features, sequences and images, which is not written.</summary>
    public const string Number = "number";

    private const string Key = "input", TypeKey = "input_type", Signal = "signal", Index = "index";

    /// <summary>What a row of a shape is: features, a sequence, an image, or a signal.</summary>
    /// <exception cref="OptionException">A shape of so many extents is nothing of the type, or an extent is below 1.</exception>
    public static RowShape Row(ReadOnlySpan<int> shape, string type, int bound = 0) => (type, shape.Length) switch
    {
        (Number, 1) => RowShape.Features(shape[0]),
        (Number, 2) => RowShape.Sequence(shape[0], shape[1]),
        (Number, 3) => RowShape.Image(shape[1], shape[2], shape[0], channelsFirst: true),
        (Signal, 2) => RowShape.Signal(shape[1], shape[0], channelsFirst: true),
        (Index, 1) => RowShape.Indices(shape[0], bound),
        _ => throw new OptionException(
            $"expected {Expected(type)}, got [{string.Join(", ", shape.ToArray())}]"),
    };

    /// <summary>Reads both keys; indices are bounded by the rows of the first layer, an embedding.</summary>
    /// <exception cref="DataException">A key is missing or wrong.</exception>
    public static RowShape Read(ModelObject root)
    {
        int[] shape = root.Counts(Key);
        string type = root.Text(TypeKey, Number);
        if (type is not (Number or Signal or Index))
        {
            throw root.Error($".{TypeKey}", $"'{Number}', '{Signal}' or '{Index}'", $"'{type}'");
        }

        int bound = type != Index ? 0
            : root.Objects("layers") is [var first, ..] && first.Text("type") == "embedding" ? first.Count("rows")
            : throw root.Error($".{TypeKey}", "an embedding as the first layer of indices", "another one or none");
        try
        {
            return Row(shape, type, bound);
        }
        catch (OptionException e)
        {
            throw new DataException($"{root.File}: {root.Path}.{Key}: {e.Message}", e);
        }
    }

    /// <summary>Writes both keys.</summary>
    public static void Write(Utf8JsonWriter json, RowShape input)
    {
        json.WriteStartArray(Key);
        foreach (int extent in input.FileShape)
        {
            json.WriteNumberValue(extent);
        }

        json.WriteEndArray();
        if (input.Kind is RowKind.Signal or RowKind.Indices)
        {
            json.WriteString(TypeKey, input.Kind == RowKind.Signal ? Signal : Index);
        }
    }

    private static string Expected(string type) => type switch
    {
        Signal => "the shape [C, L] of a signal",
        Index => "the shape [T] of indices",
        _ => "the shape [F] of features, [T, F] of a sequence or [C, H, W] of an image",
    };
}
