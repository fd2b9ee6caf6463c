using NativeBackprop.Data;

namespace NativeBackprop.IO;

/// <summary>One entry to every kind of data set, by what a user types.</summary>
/// <remarks>Thread safety: any threads may use it at once.</remarks>
internal static class DataSource
{
    /// <summary>Opens a data set.</summary>
    /// <param name="spec">
    /// <c>digits</c>; a folder of IDX files (<see cref="IdxFolder"/>); a <c>.csv</c> or <c>.csv.gz</c> file
    /// (<see cref="CsvData"/>); a <c>.txt</c> or <c>.txt.gz</c> file (<see cref="TextData"/>); or a
    /// <c>.safetensors</c> batch file (<see cref="BatchFile"/>).
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

        if (HasExtension(spec, ".txt") || HasExtension(spec, ".txt.gz"))
        {
            return new DataSplit(TextData.Load(spec, options.Window, options.Characters), null);
        }

        if (HasExtension(spec, ".safetensors"))
        {
            return new DataSplit(BatchFile.Open(spec, options.Classes), null);
        }

        throw new DataException(
            $"{spec}: expected digits, a folder of IDX files, or a file .csv, .csv.gz, .txt, .txt.gz or .safetensors, found " +
                $"{(File.Exists(spec) ? "another file" : "nothing")}");
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

    private static bool HasExtension(string spec, string extension) => spec.EndsWith(extension, StringComparison.OrdinalIgnoreCase);
}
