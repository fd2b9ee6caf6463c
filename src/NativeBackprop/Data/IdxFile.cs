using System.Buffers.Binary;

namespace NativeBackprop.Data;

/// <summary>
/// A file of unsigned bytes in the IDX format: two zero bytes, the element type (8), the number of dimensions, each
/// dimension as 4 bytes, big-endian, and the elements, the last dimension fastest (Y. LeCun, C. Cortes, C. Burges,
/// <i>The MNIST database of handwritten digits</i>).
/// </summary>
internal readonly record struct IdxFile(int[] Shape, byte[] Elements)
{
    private const int UnsignedByte = 8;

    /// <summary>Reads a file, plain or gzipped, that must have <paramref name="rank"/> dimensions.</summary>
    /// <exception cref="DataException">It is not such a file; the message has its name, the expected and the actual.</exception>
    public static IdxFile Read(string path, int rank) => DataFile.Read(path, stream => Read(stream, path, rank));

    private static IdxFile Read(Stream stream, string name, int rank)
    {
        Span<byte> header = stackalloc byte[4 + (4 * rank)];
        int found = stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false);
        if (found < header.Length)
        {
            throw new DataException($"{name}: an IDX header of {rank} dimensions has {header.Length} bytes, found {found}");
        }

        uint magic = BinaryPrimitives.ReadUInt32BigEndian(header), expected = (UnsignedByte << 8) | (uint)rank;
        if (magic != expected)
        {
            throw new DataException(
                $"{name}: expected the IDX magic 0x{expected:x8} (unsigned bytes, {rank} dimensions), found 0x{magic:x8}");
        }

        // Four dimensions of 32 bits each are the most that cannot overflow 128; images have three.
        uint[] shape = new uint[rank];
        UInt128 size = 1;
        for (int i = 0; i < rank; i++)
        {
            shape[i] = BinaryPrimitives.ReadUInt32BigEndian(header[(4 + (4 * i))..]);
            size *= shape[i];
        }

        if (size > (UInt128)Array.MaxLength || shape.Any(extent => extent > int.MaxValue))
        {
            throw new DataException(
                $"{name}: dimensions of {string.Join(" × ", shape)} are {size} bytes, at most {Array.MaxLength} can be read");
        }

        return new IdxFile([.. shape.Select(extent => (int)extent)], ReadElements(stream, name, (int)size));
    }

    private static byte[] ReadElements(Stream stream, string name, int size)
    {
        // The header of a damaged file can promise gigabytes: the buffer grows with what is really there.
        byte[] elements = new byte[Math.Min(size, 1 << 22)];
        int read = 0;
        while (true)
        {
            read += stream.ReadAtLeast(elements.AsSpan(read), elements.Length - read, throwOnEndOfStream: false);
            if (read < elements.Length)
            {
                throw new DataException($"{name}: expected {size} bytes after the header, found {read}");
            }

            if (read == size)
            {
                break;
            }

            Array.Resize(ref elements, (int)Math.Min(size, 2L * elements.Length));
        }

        long trailing = 0;
        byte[] rest = new byte[1 << 14];
        for (int more; (more = stream.Read(rest)) > 0;)
        {
            trailing += more;
        }

        return trailing == 0 ? elements
            : throw new DataException($"{name}: expected {size} bytes after the header, found {size + trailing}");
    }
}
