using NativeBackprop.Data;

namespace NativeBackprop.IO;

/// <summary>
/// A batch file: <c>x</c>, F32 [N, …] in PyTorch's order or I64 [N, T] of indices; <c>y</c>, I64 [N] or [N, T] (classes) or F32 [N, …];
/// and, for sequences of unequal length, <c>lengths</c>, I64 [N].
/// </summary>
internal static class BatchFile
{
    private const string X = "x", Y = "y", Lengths = "lengths";

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="classes">The number of classes, which labels must stay below; the largest label plus 1 when null.</param>
    /// <exception cref="DataException">The file is malformed, or a tensor is missing, unknown, or of another type or shape.</exception>
    public static Dataset Open(string path, int? classes = null)
    {
        SafetensorsFile file = SafetensorsFile.Read(path);
        SafetensorsTensor x = file[X], y = file[Y];
        SafetensorsTensor? lengths = file.Tensors.FirstOrDefault(tensor => tensor.Name == Lengths);
        SafetensorsTensor? other = file.Tensors.FirstOrDefault(tensor => tensor.Name is not (X or Y or Lengths));
        if (other is not null)
        {
            throw new DataException($"{path}: expected the tensors x and y, and maybe lengths, found '{other.Name}'");
        }

        DatasetParts parts = WithRows(path, new DatasetParts { InputShape = RowShapeOf(path, x) }, x);
        parts = WithTargets(path, parts, x.Shape[0], y, classes);
        if (lengths is not null)
        {
            parts = lengths.DType == SafetensorsDType.I64 && lengths.Shape.SequenceEqual([x.Shape[0]])
                ? parts with { Lengths = Integers(path, "length", lengths, 1, int.MaxValue) }
                : throw new DataException($"{path}: expected lengths as I64 [{x.Shape[0]}], found {lengths}");
        }

        return Dataset.Adopt(path, parts);
    }

    /// <summary>The rows of a tensor x: numbers, or indices.</summary>
    /// <exception cref="DataException">The tensor is of another type, or an index is none.</exception>
    public static DatasetParts WithRows(string path, DatasetParts parts, SafetensorsTensor x)
    {
        if (x.DType == SafetensorsDType.F32)
        {
            return parts with { Inputs = x.ToSingle() };
        }

        int[] indices = Integers(path, "index", x, 0, int.MaxValue - 1);
        return parts with { Indices = indices, IndexBound = indices.Max() + 1 };
    }

    private static int[] RowShapeOf(string path, SafetensorsTensor x)
    {
        bool fits = x.DType == SafetensorsDType.F32 ? x.Shape.Length >= 2 : x.DType == SafetensorsDType.I64 && x.Shape.Length == 2;
        return !fits ? throw new DataException($"{path}: expected x as F32 [N, …] or I64 [N, T], found {x}")
            : x.Count == 0 ? throw new DataException($"{path}: the data set is empty, expected at least 1 row")
            : x.Shape[1..].ToArray();
    }

    private static DatasetParts WithTargets(string path, DatasetParts parts, int count, SafetensorsTensor y, int? classes)
    {
        int width = y.Shape.Length == 1 ? 1 : y.Count / Math.Max(1, count);
        if (y.DType == SafetensorsDType.I64 && y.Shape.Length is 1 or 2 && y.Shape[0] == count && width > 0)
        {
            int[] labels = Integers(path, "label", y, 0, (classes ?? int.MaxValue) - 1, IndexRange.NoClass);
            return parts with { Labels = labels, LabelsPerRow = width, Classes = classes ?? Math.Max(labels.Max(), 0) + 1 };
        }

        return y.DType == SafetensorsDType.F32 && y.Shape.Length >= 2 && y.Shape[0] == count && width > 0
            ? parts with { Targets = y.ToSingle(), TargetWidth = width }
            : throw new DataException($"{path}: expected y as I64 [{count}] or [{count}, T], or F32 [{count}, …], found {y}");
    }

    private static int[] Integers(string path, string what, SafetensorsTensor tensor, int least, int largest, int? none = null)
    {
        ReadOnlySpan<long> source = tensor.AsInt64();
        int[] values = new int[source.Length];
        int row = Math.Max(1, source.Length / Math.Max(1, tensor.Shape[0]));
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (source[i] >= least && source[i] <= largest) || source[i] == none ? (int)source[i] : throw new DataException(
                $"{path}: {what} {source[i]} in row {i / row} is outside {least}..{largest}");
        }

        return values;
    }
}
