using System.Globalization;
using System.IO.MemoryMappedFiles;
using System.Text;

namespace NativeBackprop.Tests.Soundness;

/// <summary>
/// The calls of the sequence that is running, in a file that outlives a crash of the process. Every line is in the file before the call
/// that it announces is made.
/// </summary>
internal sealed unsafe class CallLog : IDisposable
{
    private const int Capacity = 1 << 18;

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly Lock _lock = new();
    private readonly bool _echo;
    private byte* _text;
    private int _length;

    /// <param name="path">The file.</param>
    /// <param name="echo">Whether lines also go to the standard output, for a person who replays a sequence.</param>
    public CallLog(string path, bool echo)
    {
        _echo = echo;
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.Create, null, Capacity);
        _view = _file.CreateViewAccessor();
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _text);
    }

    public static string Read(string path) =>
        File.Exists(path) ? Encoding.UTF8.GetString(File.ReadAllBytes(path).AsSpan().TrimEnd((byte)0)) : "";

    public void Start(int seed)
    {
        new Span<byte>(_text, _length).Clear();
        _length = 0;
        Write(string.Create(CultureInfo.InvariantCulture, $"sequence {seed}"));
    }

    /// <summary>A text on one line, without what a terminal or a reader of lines would take for more than text.</summary>
    public static string Plain(string text) => string.Create(text.Length, text, (plain, source) =>
    {
        for (int i = 0; i < plain.Length; i++)
        {
            plain[i] = char.IsControl(source[i]) ? '?' : source[i];
        }
    });

    public void Write(string line)
    {
        line = Plain(line);
        lock (_lock)
        {
            if (_echo)
            {
                Console.WriteLine(line);
            }

            if (_length + (4 * line.Length) + 1 < Capacity)
            {
                _length += Encoding.UTF8.GetBytes(line, new Span<byte>(_text + _length, Capacity - _length - 1));
                _text[_length++] = (byte)'\n';
            }
        }
    }

    public string Text() => Encoding.UTF8.GetString(_text, _length);

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }
}
