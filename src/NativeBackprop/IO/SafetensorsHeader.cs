using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;

namespace NativeBackprop.IO;

/// <summary>
/// The JSON header of a safetensors file: type, shape and place of every tensor, and free text under
/// <c>__metadata__</c>. Every claim is checked here, so that what comes out can be read without a further question.
/// </summary>
internal sealed class SafetensorsHeader
{
    public const string MetadataKey = "__metadata__";
    public const int MaxLength = 100_000_000;

    private readonly string _file;
    private readonly List<Entry> _entries = [];
    private readonly HashSet<string> _names = [];

    private SafetensorsHeader(string file) => _file = file;

    /// <summary>What the header says of one tensor; the offsets count from the end of the header.</summary>
    public readonly record struct Entry(string Name, SafetensorsDType DType, int[] Shape, long Begin, long End);

    /// <summary>The tensors in the order of their bytes, which they fill without a gap.</summary>
    public IReadOnlyList<Entry> Entries => _entries;

    /// <summary>The text under <c>__metadata__</c>.</summary>
    public Dictionary<string, string> Metadata { get; } = [];

    /// <summary>Reads and checks a header.</summary>
    /// <param name="file">What to call the file in messages.</param>
    /// <param name="json">The header's bytes.</param>
    /// <param name="dataLength">The number of bytes after the header, which the tensors must fill exactly.</param>
    /// <exception cref="DataException">The header is not one that the format allows, or does not describe those bytes.</exception>
    public static SafetensorsHeader Parse(string file, ReadOnlySpan<byte> json, long dataLength)
    {
        var header = new SafetensorsHeader(file);
        if (json.IsEmpty || json[0] != '{')
        {
            throw header.Error($"expected the header to begin with '{{', found {(json.IsEmpty ? "nothing" : $"byte 0x{json[0]:x2}")}");
        }

        if (!Utf8.IsValid(json))
        {
            throw header.Error("the header is not valid UTF-8");
        }

        try
        {
            header.ReadObject(json);
        }
        catch (JsonException e)
        {
            throw new DataException($"{file}: the header is not valid JSON: {e.Message.ReplaceLineEndings(" ")}", e);
        }

        header.CheckLayout(dataLength);
        return header;
    }

    /// <summary>Writes the header of tensors that follow each other in the given order, padded with spaces to 8 bytes.</summary>
    public static byte[] Format(IEnumerable<SafetensorsTensor> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata is not null)
            {
                json.WriteStartObject(MetadataKey);
                foreach ((string key, string value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                {
                    json.WriteString(key, value ?? throw new ArgumentException($"the metadata's text of {key} is null", nameof(metadata)));
                }

                json.WriteEndObject();
            }

            long offset = 0;
            foreach (SafetensorsTensor tensor in tensors)
            {
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.DType.ToString());
                json.WriteStartArray("shape");
                foreach (int extent in tensor.Shape)
                {
                    json.WriteNumberValue(extent);
                }

                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += tensor.Bytes.Length);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        int padded = (buffer.WrittenCount + 7) / 8 * 8;
        byte[] header = new byte[padded];
        buffer.WrittenSpan.CopyTo(header);
        header.AsSpan(buffer.WrittenCount).Fill((byte)' ');
        return header;
    }

    private void ReadObject(ReadOnlySpan<byte> bytes)
    {
        var json = new Utf8JsonReader(bytes);
        json.Read();
        while (ReadKey(ref json, "the header") is { } key)
        {
            if (!_names.Add(key))
            {
                throw Error(key == MetadataKey ? $"{MetadataKey} is there twice" : $"tensor '{key}' is there twice");
            }

            json.Read();
            if (key == MetadataKey)
            {
                ReadMetadata(ref json);
            }
            else
            {
                ReadTensor(ref json, key);
            }
        }

        // The reader itself refuses anything but white space after the closing brace.
        while (json.Read())
        {
        }
    }

    private void ReadMetadata(ref Utf8JsonReader json)
    {
        Expect(ref json, JsonTokenType.StartObject, MetadataKey, "an object of strings");
        while (ReadKey(ref json, MetadataKey) is { } key)
        {
            json.Read();
            Expect(ref json, JsonTokenType.String, $"{MetadataKey}, '{key}'", "a string");
            if (!Metadata.TryAdd(key, Text(ref json, MetadataKey)))
            {
                throw Error($"{MetadataKey}: the key '{key}' is there twice");
            }
        }
    }

    private void ReadTensor(ref Utf8JsonReader json, string name)
    {
        string where = $"tensor '{name}'";
        Expect(ref json, JsonTokenType.StartObject, where, "an object with dtype, shape and data_offsets");
        SafetensorsDType? dtype = null;
        long[]? shape = null, offsets = null;
        while (ReadKey(ref json, where) is { } key)
        {
            bool twice = key switch
            {
                "dtype" => dtype is not null,
                "shape" => shape is not null,
                "data_offsets" => offsets is not null,
                _ => false,
            };
            if (twice)
            {
                throw Error($"{where}: the key '{key}' is there twice");
            }

            json.Read();
            switch (key)
            {
                case "dtype":
                    Expect(ref json, JsonTokenType.String, $"{where}, dtype", "a string");
                    dtype = ParseDType(Text(ref json, where), where);
                    break;
                case "shape":
                    shape = ReadNumbers(ref json, $"{where}, shape");
                    break;
                case "data_offsets":
                    offsets = ReadNumbers(ref json, $"{where}, data_offsets");
                    break;
                default:
                    throw Error($"{where}: expected the keys dtype, shape and data_offsets, found '{key}'");
            }
        }

        if (dtype is null || shape is null || offsets is null)
        {
            string missing = dtype is null ? "dtype" : shape is null ? "shape" : "data_offsets";
            throw Error($"{where}: expected the keys dtype, shape and data_offsets, found no {missing}");
        }

        _entries.Add(CheckedEntry(name, dtype.Value, shape, offsets));
    }

    private Entry CheckedEntry(string name, SafetensorsDType dtype, long[] shape, long[] offsets)
    {
        if (offsets.Length != 2 || offsets[0] > offsets[1])
        {
            throw Error($"tensor '{name}': expected data_offsets [begin, end] with begin <= end, found [{string.Join(", ", offsets)}]");
        }

        Int128 size = SafetensorsTensor.ElementSize(dtype);
        bool fits = true;
        foreach (long extent in shape)
        {
            fits &= extent <= int.MaxValue;
            size = Int128.Min(size * extent, (Int128)1 << 64);
        }

        long length = offsets[1] - offsets[0];
        if (size != length)
        {
            throw Error(
                $"tensor '{name}': {dtype} of shape [{string.Join(", ", shape)}] does not have the {length} bytes of its data_offsets");
        }

        return fits && length <= Array.MaxLength ? new Entry(name, dtype, [.. shape.Select(extent => (int)extent)], offsets[0], offsets[1])
            : throw Error(
                $"tensor '{name}': a shape of [{string.Join(", ", shape)}] is larger than can be read, at most {Array.MaxLength} bytes");
    }

    private void CheckLayout(long dataLength)
    {
        _entries.Sort((a, b) => (a.Begin, a.End).CompareTo((b.Begin, b.End)));
        long end = 0;
        foreach (Entry entry in _entries)
        {
            if (entry.Begin != end)
            {
                string what = entry.Begin < end ? "overlaps the tensor before it" : "leaves a hole before it";
                throw Error($"tensor '{entry.Name}' {what}: expected it to begin at byte {end}, found {entry.Begin}");
            }

            end = entry.End;
        }

        if (end != dataLength)
        {
            throw Error($"expected {end} bytes of tensors after the header, found {dataLength}");
        }
    }

    private SafetensorsDType ParseDType(string text, string where)
    {
        foreach (SafetensorsDType dtype in Enum.GetValues<SafetensorsDType>())
        {
            if (text == dtype.ToString())
            {
                return dtype;
            }
        }

        bool known = text is "BOOL" or "U8" or "I8" or "I16" or "U16" or "F16" or "BF16" or "U32" or "U64" or "C64"
            or "F4" or "F6_E2M3" or "F6_E3M2" or "F8_E5M2" or "F8_E4M3" or "F8_E8M0" or "F8_E4M3FNUZ" or "F8_E5M2FNUZ";
        throw Error(
            $"{where}: expected the type F32, F64, I32 or I64, found " +
                $"{(known ? $"{text}, which is not supported" : $"'{text}', which is none")}");
    }

    private long[] ReadNumbers(ref Utf8JsonReader json, string where)
    {
        const string expected = "an array of whole numbers from 0 on";
        Expect(ref json, JsonTokenType.StartArray, where, expected);
        var numbers = new List<long>();
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            Expect(ref json, JsonTokenType.Number, where, expected);
            numbers.Add(json.TryGetInt64(out long number) && number >= 0 ? number
                : throw Error($"{where}: expected {expected}, found {Encoding.UTF8.GetString(json.ValueSpan)}"));
        }

        return [.. numbers];
    }

    private string? ReadKey(ref Utf8JsonReader json, string where)
    {
        json.Read();
        return json.TokenType == JsonTokenType.PropertyName ? Text(ref json, where) : null;
    }

    private string Text(ref Utf8JsonReader json, string where)
    {
        try
        {
            return json.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            // Half of a surrogate pair, written as an escape: valid JSON that is no text.
            throw new DataException($"{_file}: {where}: a string is not valid Unicode", e);
        }
    }

    private void Expect(ref Utf8JsonReader json, JsonTokenType type, string where, string expected)
    {
        if (json.TokenType != type)
        {
            throw Error($"{where}: expected {expected}, found {json.TokenType}");
        }
    }

    private DataException Error(string message) => new($"{_file}: {message}");
}
