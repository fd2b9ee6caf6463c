using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using NativeBackprop.Data;

namespace NativeBackprop.IO;

/// <summary>
/// A safetensors file (the format of github.com/huggingface/safetensors): the length of the header in 8 bytes, a JSON
/// header, and the bytes of the tensors one after another. The reader takes nothing on trust.
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
internal sealed class SafetensorsFile
{
    private readonly Dictionary<string, SafetensorsTensor> _byName;

    private SafetensorsFile(string path, IReadOnlyList<SafetensorsTensor> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        (Path, Tensors, Metadata) = (path, tensors, metadata);
        _byName = tensors.ToDictionary(tensor => tensor.Name);
    }

    /// <summary>Where the file was read from.</summary>
    public string Path { get; }

    /// <summary>The tensors, in the order of their bytes in the file.</summary>
    public IReadOnlyList<SafetensorsTensor> Tensors { get; }

    /// <summary>The text under <c>__metadata__</c>; empty when there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The tensor of a name.</summary>
    /// <exception cref="DataException">The file has no such tensor.</exception>
    public SafetensorsTensor this[string name] => TryGet(name, out SafetensorsTensor? tensor) ? tensor
        : throw new DataException($"{Path}: expected a tensor '{name}', found {Names()}");

    /// <summary>Reads a whole file.</summary>
    /// <exception cref="DataException">
    /// The file cannot be read or breaks a rule of the format: a header over 100 MB or that is not the JSON it should be, a
    /// type that is not supported, a shape that does not fit its bytes, a hole, an overlap, a name or key twice, bytes
    /// that are missing or left over. The message has the file, the tensor, the expected and the actual.
    /// </exception>
    public static SafetensorsFile Read(string path) => DataFile.Guard(path, () =>
    {
        using FileStream stream = DataFile.Open(path);
        return Read(stream, path);
    });

    /// <summary>Reads a seekable stream from where it stands to its end.</summary>
    internal static SafetensorsFile Read(Stream stream, string name)
    {
        long length = stream.Length - stream.Position;
        if (length < 8)
        {
            throw new DataException($"{name}: a safetensors file has at least 8 bytes, found {length}");
        }

        Span<byte> prefix = stackalloc byte[8];
        stream.ReadExactly(prefix);
        ulong headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerLength > SafetensorsHeader.MaxLength)
        {
            throw new DataException($"{name}: expected a header of at most {SafetensorsHeader.MaxLength} bytes, found {headerLength}");
        }

        if ((long)headerLength > length - 8)
        {
            throw new DataException($"{name}: expected a header of {headerLength} bytes, found {length - 8}");
        }

        byte[] json = new byte[(int)headerLength];
        stream.ReadExactly(json);
        SafetensorsHeader header = SafetensorsHeader.Parse(name, json, length - 8 - json.Length);

        var tensors = new List<SafetensorsTensor>(header.Entries.Count);
        foreach (SafetensorsHeader.Entry entry in header.Entries)
        {
            byte[] data = GC.AllocateUninitializedArray<byte>((int)(entry.End - entry.Begin));
            stream.ReadExactly(data);
            tensors.Add(new SafetensorsTensor(entry.Name, entry.DType, entry.Shape, data));
        }

        return new SafetensorsFile(name, tensors, header.Metadata);
    }

    /// <summary>
    /// Writes a file, whole or not at all: to a temporary file beside it, which then takes its name. The bytes are those of
    /// the reference implementation: tensors sorted by type (I64, F64, F32, I32), then by name.
    /// </summary>
    /// <param name="path">Where to; an existing file is replaced.</param>
    /// <param name="tensors">The tensors, in any order.</param>
    /// <param name="metadata">Free text to go with them; none when null.</param>
    /// <exception cref="DataException">A name occurs twice or is <c>__metadata__</c>, or the system refuses to write.</exception>
    /// <exception cref="ArgumentException">A tensor or a text is null.</exception>
    public static void Write(
        string path, IEnumerable<SafetensorsTensor> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        SafetensorsTensor[] ordered = Ordered(path, tensors);
        AtomicFile.Write(path, stream => Write(stream, path, ordered, metadata));
    }

    internal static void Write(
        Stream stream, string name, IEnumerable<SafetensorsTensor> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        SafetensorsTensor[] ordered = Ordered(name, tensors);
        byte[] header = SafetensorsHeader.Format(ordered, metadata);
        if (header.Length > SafetensorsHeader.MaxLength)
        {
            throw new DataException($"{name}: expected a header of at most {SafetensorsHeader.MaxLength} bytes, found {header.Length}");
        }

        Span<byte> prefix = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)header.Length);
        stream.Write(prefix);
        stream.Write(header);
        foreach (SafetensorsTensor tensor in ordered)
        {
            stream.Write(tensor.Bytes);
        }
    }

    /// <summary>Looks a tensor up.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out SafetensorsTensor? tensor) => _byName.TryGetValue(name, out tensor);

    /// <summary>The elements of an F32 tensor.</summary>
    /// <param name="name">The tensor.</param>
    /// <param name="shape">The shape that it must have.</param>
    /// <exception cref="DataException">The file has no such tensor, or it has another type or shape.</exception>
    public ReadOnlySpan<float> GetSingle(string name, params ReadOnlySpan<int> shape) =>
        Expect(name, SafetensorsDType.F32, shape).AsSingle();

    /// <summary>The elements of an I64 tensor.</summary>
    /// <param name="name">The tensor.</param>
    /// <param name="shape">The shape that it must have.</param>
    /// <exception cref="DataException">The file has no such tensor, or it has another type or shape.</exception>
    public ReadOnlySpan<long> GetInt64(string name, params ReadOnlySpan<int> shape) => Expect(name, SafetensorsDType.I64, shape).AsInt64();

    /// <summary>The same file with some of its tensors.</summary>
    internal SafetensorsFile With(IReadOnlyList<SafetensorsTensor> tensors) => new(Path, tensors, Metadata);

    private SafetensorsTensor Expect(string name, SafetensorsDType dtype, ReadOnlySpan<int> shape)
    {
        SafetensorsTensor tensor = this[name];
        if (tensor.DType != dtype || !tensor.Shape.SequenceEqual(shape))
        {
            string expected = $"{dtype} [{string.Join(", ", shape.ToArray())}]";
            string found = $"{tensor.DType} [{string.Join(", ", tensor.Shape.ToArray())}]";
            throw new DataException($"{Path}: tensor '{name}': expected {expected}, found {found}");
        }

        return tensor;
    }

    private static SafetensorsTensor[] Ordered(string path, IEnumerable<SafetensorsTensor> tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        SafetensorsTensor[] ordered = [.. tensors];
        if (ordered.Contains(null))
        {
            throw new ArgumentException($"{path}: a tensor is null", nameof(tensors));
        }

        ordered = [.. ordered.OrderByDescending(tensor => tensor.DType).ThenBy(tensor => tensor.Name, StringComparer.Ordinal)];
        var names = new HashSet<string> { SafetensorsHeader.MetadataKey };
        foreach (SafetensorsTensor tensor in ordered)
        {
            if (!names.Add(tensor.Name))
            {
                throw new DataException(
                    tensor.Name == SafetensorsHeader.MetadataKey
                        ? $"{path}: a tensor cannot be called {tensor.Name}"
                        : $"{path}: tensor '{tensor.Name}' is there twice");
            }
        }

        return ordered;
    }

    private string Names()
    {
        string names = string.Join(", ", Tensors.Take(10).Select(tensor => tensor.Name));
        return Tensors.Count == 0 ? "no tensor" : Tensors.Count > 10 ? $"{names} and {Tensors.Count - 10} more" : names;
    }
}
