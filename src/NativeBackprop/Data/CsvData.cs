using System.Globalization;
using System.Text;
using CsvHelper;

namespace NativeBackprop.Data;

/// <summary>
/// Reads a data set from comma-separated values (RFC 4180, plain or gzipped): one row a line, every column a number, one
/// of them the class or the target. Semicolons, tabs and bars are recognised as separators too. Row order is kept.
/// </summary>
/// <remarks>Thread safety: any threads may use it at once, each with a stream of its own.</remarks>
public static class CsvData
{
    /// <summary>Reads a file.</summary>
    /// <exception cref="DataException">
    /// The file cannot be read, or says something else than numbers: the message names line and column.
    /// </exception>
    public static Dataset Load(string path, CsvOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        return DataFile.Read(path, stream => Read(stream, path, options ?? new CsvOptions()));
    }

    /// <summary>Reads a stream, from where it stands to its end; it stays open.</summary>
    /// <param name="stream">CSV text, or gzipped CSV text.</param>
    /// <param name="name">What to call the data set in messages.</param>
    /// <param name="options">How to read it.</param>
    /// <exception cref="DataException">
    /// The stream cannot be read, or says something else than numbers: the message names line and column.
    /// </exception>
    public static Dataset Load(Stream stream, string name, CsvOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(name);
        return DataFile.Read(stream, name, content => Read(content, name, options ?? new CsvOptions()));
    }

    private static Dataset Read(Stream stream, string name, CsvOptions options)
    {
        var format = new CsvReaderOptions
        {
            HasHeader = false,
            TrackLineNumbers = true,
            TrimWhitespace = true,
            MalformedData = CsvMalformedDataHandling.Throw,
        };
        try
        {
            using CsvReader reader = CsvReader.Create(stream, format, leaveOpen: true);
            return new Table(reader, name, options).Read();
        }
        catch (CsvFormatException e)
        {
            throw new DataException($"{name}, line {e.LineNumber}: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    private sealed class Table(CsvReader reader, string name, CsvOptions options)
    {
        private readonly List<float> _inputs = [];
        private readonly List<float> _targets = [];
        private readonly List<int> _labels = [];
        private string[]? _header;
        private int _columns, _target;

        public Dataset Read()
        {
            bool any = reader.Read();
            if (any)
            {
                ReadLayout();
                any = _header is null || reader.Read();
            }

            if (!any)
            {
                throw new DataException($"{name}: the data set is empty, expected at least 1 row");
            }

            do
            {
                ReadRow();
            }
            while (reader.Read());

            int features = _columns - 1;
            return options.Regression
                ? Dataset.AdoptTargets(name, [.. _inputs], features, [.. _targets], 1, options.InputShape)
                : Dataset.AdoptLabels(name, [.. _inputs], features, [.. _labels], options.Classes ?? _labels.Max() + 1, options.InputShape);
        }

        private void ReadLayout()
        {
            _columns = reader.FieldCount;
            string[] fields = [.. Enumerable.Range(0, _columns).Select(reader.GetString)];
            bool isHeader = options.HasHeader
                ?? (fields.Contains(options.TargetColumn) || Enumerable.Range(0, _columns).All(column => !TryNumber(column, out _)));
            if (isHeader)
            {
                _header = fields;
            }

            if (_columns < 2)
            {
                throw new DataException(
                    $"{name}, line {reader.LineNumber}: expected at least 2 columns, an input and a target, found {_columns}");
            }

            _target = options.TargetColumn is null ? _columns - 1 : Array.IndexOf(fields, options.TargetColumn);
            if (options.TargetColumn is not null && (_header is null || _target < 0))
            {
                string found = _header is null ? "no header" : string.Join(", ", _header);
                throw new DataException($"{name}: expected a column named '{options.TargetColumn}', found {found}");
            }
        }

        private void ReadRow()
        {
            if (reader.FieldCount != _columns)
            {
                throw new DataException($"{name}, line {reader.LineNumber}: expected {_columns} columns, found {reader.FieldCount}");
            }

            for (int column = 0; column < _columns; column++)
            {
                if (column == _target && !options.Regression)
                {
                    _labels.Add(Class(column));
                }
                else if (!TryNumber(column, out float value) || !float.IsFinite(value))
                {
                    throw NotA("finite number", column);
                }
                else if (column == _target)
                {
                    _targets.Add(value);
                }
                else
                {
                    _inputs.Add(value / options.InputDivisor);
                }
            }
        }

        // Classes that went through a program that knows only real numbers arrive as "3.0".
        private int Class(int column)
        {
            int limit = options.Classes ?? int.MaxValue - 1;
            return double.TryParse(reader.GetSpan(column), NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
                && value == Math.Truncate(value) && value >= 0 && value < limit
                ? (int)value
                : throw NotA(options.Classes is null ? "class (0, 1, 2, …)" : $"class in 0..{limit - 1}", column);
        }

        private bool TryNumber(int column, out float value) =>
            float.TryParse(reader.GetSpan(column), NumberStyles.Float, CultureInfo.InvariantCulture, out value);

        private DataException NotA(string expected, int column)
        {
            string title = _header is null ? "" : $" ({_header[column]})";
            return new DataException(
                $"{name}, line {reader.LineNumber}, column {column + 1}{title}: '{Shown(reader.GetString(column))}' is not a {expected}");
        }

        private static string Shown(string text)
        {
            var shown = new StringBuilder();
            foreach (char c in text.AsSpan(0, Math.Min(text.Length, 40)))
            {
                shown.Append(char.IsControl(c) ? ' ' : c);
            }

            return text.Length > 40 ? shown.Append('…').ToString() : shown.ToString();
        }
    }
}
