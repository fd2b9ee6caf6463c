using System.CommandLine;
using System.Reflection;
using NativeBackprop.Data;
using NativeBackprop.IO;

namespace NativeBackprop.Cli;

/// <summary>DATA and what a CSV file cannot say of itself, for every command that reads a data set.</summary>
internal sealed class DataOptions
{
    private readonly Argument<string> _data = new("DATA")
    {
        Description = "digits (built in), a folder of IDX files, a .csv, a .txt (either may be .gz), or a .safetensors batch (x, y)",
    };

    private readonly Option<string?> _target = Options.Text(
        "--target", "COLUMN", "CSV: the column with the class or the target [default: the last]");
    private readonly Option<bool> _regression = Options.Flag("--regression", "CSV: the target is a number, not a class");
    private readonly Option<int?> _classes = Options.Count(
        "--classes", "Number of classes [default: the largest class that occurs, plus 1]");

    private readonly Option<int?> _window = Options.Count("--window", "Text: characters of a row", 64);

    public void AddTo(Command command) => command.Add(_data);

    /// <summary>Adds what concerns few: after the other options.</summary>
    public void AddCsvOptionsTo(Command command)
    {
        command.Add(_target);
        command.Add(_regression);
        command.Add(_classes);
        command.Add(_window);
    }

    /// <summary>Opens what the command line names.</summary>
    /// <exception cref="DataException">It is missing, malformed or empty.</exception>
    /// <param name="result">The command line.</param>
    /// <param name="trained">The model that reads the data, which knows the characters of text; null for one still to be trained.</param>
    public DataSplit Open(ParseResult result, TrainedModel? trained = null) => Open(
        result.GetRequiredValue(_data),
        new DataSourceOptions
        {
            TargetColumn = result.GetValue(_target),
            Regression = result.GetValue(_regression),
            Classes = result.GetValue(_classes),
            Window = trained?.Description.Input is { Kind: RowKind.Indices } input ? input.Length : result.GetValue(_window)!.Value,
            Characters = trained is { Classes.Count: > 0 } ? trained.Classes : null,
        });

    /// <summary>Opens a data set, with the digits that are built into this program.</summary>
    /// <exception cref="DataException">It is missing, malformed or empty.</exception>
    public static DataSplit Open(string spec, DataSourceOptions options) =>
        DataSource.Open(spec, () => Assembly.GetExecutingAssembly().GetManifestResourceStream("digits.csv.gz")!, options);
}
