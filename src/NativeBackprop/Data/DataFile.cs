namespace NativeBackprop.Data;

/// <summary>Opens files of data, gzipped or not, and turns what the system says about them into one line.</summary>
internal static class DataFile
{
    /// <summary>Reads the content of a file, decompressed if it begins as gzip does.</summary>
    /// <exception cref="DataException">The file cannot be opened or read, or <paramref name="read"/> says so.</exception>
    public static T Read<T>(string path, Func<Stream, T> read) => Guard(path, () =>
    {
        using FileStream file = Open(path);
        return Read(file, path, read);
    });

    /// <summary>Reads the content of a stream, decompressed if it begins as gzip does; the stream stays open.</summary>
    /// <param name="source">The stream, read from where it stands.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <param name="read">Takes the content.</param>
    /// <exception cref="DataException">The stream cannot be read, or <paramref name="read"/> says so.</exception>
    public static T Read<T>(Stream source, string name, Func<Stream, T> read) => Guard(name, () =>
    {
        Stream seekable = source.CanSeek ? source : Buffered(source);
        long start = seekable.Position;
        bool gzip = seekable.ReadByte() == 0x1F && seekable.ReadByte() == 0x8B;
        seekable.Position = start;
        if (!gzip)
        {
            return read(seekable);
        }

        using var content = new GzipContent(seekable, name);
        T result = read(content);
        content.CheckLength();
        return result;
    });

    /// <summary>Opens a file for reading in sequence.</summary>
    /// <exception cref="DataException">There is no such file, or it is a folder.</exception>
    public static FileStream Open(string path) =>
        File.Exists(path) ? new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan)
        : throw new DataException($"{path}: expected a file, found {(Directory.Exists(path) ? "a folder" : "nothing")}");

    /// <summary>Runs an action on a file; failures of the system become a <see cref="DataException"/> that names it.</summary>
    public static T Guard<T>(string name, Func<T> action)
    {
        ArgumentNullException.ThrowIfNull(name);
        try
        {
            return action();
        }
        catch (InvalidDataException e)
        {
            throw new DataException($"{name}: the gzip data is damaged", e);
        }
        catch (Exception e) when (e is not (NativeBackpropException or ArgumentException or OutOfMemoryException))
        {
            // Failures of the system, and whatever a stream of the caller's own throws.
            throw new DataException($"{name}: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    private static MemoryStream Buffered(Stream source)
    {
        var memory = new MemoryStream();
        source.CopyTo(memory);
        memory.Position = 0;
        return memory;
    }
}
