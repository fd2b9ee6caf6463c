using System.Buffers.Binary;
using System.IO.Compression;

namespace NativeBackprop.Data;

/// <summary>
/// The content of a gzip file, held against the length that the file itself gives. The system's decompressor takes a
/// file that was cut short for one that ends there, which would silently shorten a data set.
/// </summary>
internal sealed class GzipContent : Stream
{
    private readonly string _name;
    private readonly GZipStream _content;
    private readonly uint _promised;
    private long _delivered;

    /// <summary>Begins at the position of <paramref name="source"/>, which must be seekable and is left open.</summary>
    public GzipContent(Stream source, string name)
    {
        _name = name;
        long start = source.Position;
        Span<byte> trailer = stackalloc byte[4];
        if (source.Length - start < 18)
        {
            throw new DataException($"{name}: a gzip file has at least 18 bytes, found {source.Length - start}");
        }

        source.Position = source.Length - 4;
        source.ReadExactly(trailer);
        source.Position = start;
        _promised = BinaryPrimitives.ReadUInt32LittleEndian(trailer);
        _content = new GZipStream(source, CompressionMode.Decompress, leaveOpen: true);
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => _delivered;
        set => throw new NotSupportedException();
    }

    /// <summary>Reads what is left and compares the length of the whole, modulo 2³², with the file's last four bytes.</summary>
    /// <exception cref="DataException">They differ: the file was cut, has bytes after its end, or is several joined.</exception>
    public void CheckLength()
    {
        byte[] rest = new byte[1 << 14];
        while (Read(rest, 0, rest.Length) > 0)
        {
        }

        if ((uint)_delivered != _promised)
        {
            throw new DataException(
                $"{_name}: expected {_promised} bytes of content as the end of the gzip file says, found {_delivered}; "
                + "it is cut short or not one gzip file");
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        int read = _content.Read(buffer);
        _delivered += read;
        return read;
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _content.Dispose();
        }

        base.Dispose(disposing);
    }
}
