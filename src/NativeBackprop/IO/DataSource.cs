using NativeBackprop.Data;

namespace NativeBackprop.IO;

/// <summary>One entry to every kind of data set, by what a user types.</summary>
/// <remarks>Thread safety: any threads may use it at once.</remarks>
internal static class DataSource
{
    /// <summary>Opens a data set.</summary>
    /// <param name="spec">
    /// <c>digits</c>; a folder of IDX files (<see cref="IdxFolder"/>); a <c>.csv</c> or <c>.csv.gz</c> file
    /// (<see cref="CsvData"/>); or a <c>.safetensors</c> batch file, which holds <c>x</c>, F32 [N, …], and <c>y</c>,
    /// I64 [N] (classes) or F32 [N, K].
    /// </param>
    /// <param name="digits">Opens the content of <c>digits.csv.gz</c>; called, and the stream closed, only when asked for.</param>
    /// <param name="options">What the source cannot say of itself.</param>
    /// <returns>The training set, and the test set where the source has one of its own; else the caller splits.</returns>
    /// <exception cref="DataException">The source is missing, of no known kind, or malformed, or the digits cannot be opened.</exception>
    public static DataSplit Open(string spec, Func<Stream> digits, DataSourceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(digits);
        options ??= new DataSourceOptions();
        if (spec == "digits")
        {
            using Stream stream = OpenDigits(digits);
            return new DataSplit(Digits.Load(stream), null);
        }

        if (Directory.Exists(spec))
        {
            return IdxFolder.Load(spec);
        }

        if (HasExtension(spec, ".csv") || HasExtension(spec, ".csv.gz"))
        {
            var csv = new CsvOptions { TargetColumn = options.TargetColumn, Regression = options.Regression, Classes = options.Classes };
            return new DataSplit(CsvData.Load(spec, csv), null);
        }

        if (HasExtension(spec, ".safetensors"))
        {
            return new DataSplit(OpenBatch(spec, options.Classes), null);
        }

        throw new DataException(
            $"{spec}: expected digits, a folder of IDX files, or a file .csv, .csv.gz or .safetensors, found " +
                $"{(File.Exists(spec) ? "another file" : "nothing")}");
    }

    /// <summary>Reads a batch file: <c>x</c>, F32 [N, …], and <c>y</c>, I64 [N] or F32 [N, K].</summary>
    /// <param name="path">The file.</param>
    /// <param name="classes">The number of classes, which labels must stay below; the largest label plus 1 when null.</param>
    /// <exception cref="DataException">The file is malformed, or a tensor is missing, unknown, or of another type or shape.</exception>
    public static Dataset OpenBatch(string path, int? classes = null)
    {
        SafetensorsFile file = SafetensorsFile.Read(path);
        SafetensorsTensor x = file["x"], y = file["y"];
        SafetensorsTensor? other = file.Tensors.FirstOrDefault(tensor => tensor != x && tensor != y);
        if (other is not null)
        {
            throw new DataException($"{path}: expected the tensors x and y alone, found '{other.Name}'");
        }

        if (x.DType != SafetensorsDType.F32 || x.Shape.Length < 2)
        {
            throw new DataException($"{path}: expected x as F32 [N, …], found {x}");
        }

        int count = x.Shape[0];
        bool isLabels = y.DType == SafetensorsDType.I64 && y.Shape.Length == 1;
        bool isTargets = y.DType == SafetensorsDType.F32 && y.Shape.Length == 2;
        if (!(isLabels || isTargets) || y.Shape[0] != count)
        {
            throw new DataException($"{path}: expected y as I64 [{count}] or F32 [{count}, K], found {y}");
        }

        if (count == 0)
        {
            throw new DataException($"{path}: the data set is empty, expected at least 1 row");
        }

        int features = x.Count / count;
        ReadOnlySpan<int> inputShape = x.Shape[1..];
        if (isTargets)
        {
            return Dataset.AdoptTargets(path, x.ToSingle(), features, y.ToSingle(), y.Shape[1], inputShape);
        }

        int[] labels = Labels(path, y.AsInt64(), classes);
        return Dataset.AdoptLabels(path, x.ToSingle(), features, labels, classes ?? labels.Max() + 1, inputShape);
    }

    private static Stream OpenDigits(Func<Stream> digits)
    {
        try
        {
            return digits() ?? throw new DataException("the digits cannot be opened: there is no stream");
        }
        catch (Exception e) when (UserCode.IsForeign(e))
        {
            throw new DataException($"the digits cannot be opened: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    private static int[] Labels(string path, ReadOnlySpan<long> source, int? classes)
    {
        int[] labels = new int[source.Length];
        int largest = (classes ?? int.MaxValue) - 1;
        for (int row = 0; row < labels.Length; row++)
        {
            labels[row] = source[row] >= 0 && source[row] <= largest ? (int)source[row]
                : throw new DataException($"{path}: label {source[row]} in row {row} is outside 0..{largest}");
        }

        return labels;
    }

    private static bool HasExtension(string spec, string extension) => spec.EndsWith(extension, StringComparison.OrdinalIgnoreCase);
}
