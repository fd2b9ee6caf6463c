using System.Text;

namespace NativeBackprop.Data;

/// <summary>
/// Text as rows of characters: each row is a window of the text, and its targets are the same characters one place further on, so that a
/// model learns to tell the next one. A character is a Unicode scalar; its index is its place in the ordered list of all that occur.
/// </summary>
/// <remarks>Thread safety: any threads may use it at once.</remarks>
public static class TextData
{
    // As a tensor's extents, and far more than there is memory for.
    private const int LongestFile = 1 << 30;

    /// <summary>Reads a UTF-8 text file, gzipped or not, in windows that follow each other.</summary>
    /// <param name="path">The file.</param>
    /// <param name="window">Characters of a row, at least 1.</param>
    /// <param name="characters">
    /// What may occur, as <see cref="Dataset.ClassNames"/> of the training data has it; null for what does.
    /// </param>
    /// <exception cref="OptionException">The window is below 1.</exception>
    /// <exception cref="DataException">
    /// The file cannot be read, is not UTF-8, is not longer than a window, or has a character that is not among those given.
    /// </exception>
    public static Dataset Load(string path, int window = 64, IReadOnlyList<string>? characters = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        return window < 1
            ? throw new OptionException($"a window must have at least 1 character, got {window}")
            : DataFile.Read(path, stream => Split(path, Text(stream, path), window, characters));
    }

    /// <summary>The indices of a text's characters.</summary>
    /// <param name="name">What to call the text in messages.</param>
    /// <param name="text">The text.</param>
    /// <param name="characters">What may occur, in the order of the indices.</param>
    /// <exception cref="DataException">A character is not among them; the message says which one and where.</exception>
    public static int[] Indices(string name, string text, IReadOnlyList<string> characters)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(characters);
        var index = new Dictionary<string, int>();
        for (int i = 0; i < characters.Count; i++)
        {
            index.TryAdd(characters[i], i);
        }

        var indices = new List<int>(text.Length);
        (int line, int column) = (1, 1);
        foreach (Rune rune in text.EnumerateRunes())
        {
            indices.Add(index.TryGetValue(rune.ToString(), out int at) ? at : throw new DataException(
                $"{name}: line {line}, column {column}: the character U+{rune.Value:X4} is not among the {characters.Count} that are "
                + "known"));
            (line, column) = rune.Value == '\n' ? (line + 1, 1) : (line, column + 1);
        }

        return [.. indices];
    }

    private static Dataset Split(string path, string text, int window, IReadOnlyList<string>? known)
    {
        string[] characters = known?.ToArray() ?? [.. text.EnumerateRunes().Distinct().Order().Select(rune => rune.ToString())];
        int[] all = Indices(path, text, characters);
        int rows = (all.Length - 1) / window;
        return rows < 1
            ? throw new DataException($"{path}: expected more than {window} characters, a window and the one behind it, found {all.Length}")
            : Dataset.Adopt(path, new DatasetParts
            {
                Indices = all[..(rows * window)],
                IndexBound = characters.Length,
                InputShape = [window],
                Labels = all[1..((rows * window) + 1)],
                LabelsPerRow = window,
                Classes = characters.Length,
                ClassNames = characters,
            });
    }

    private static string Text(Stream stream, string path)
    {
        using var content = new MemoryStream();
        byte[] buffer = new byte[1 << 16];
        for (int count; (count = stream.Read(buffer)) > 0;)
        {
            content.Write(buffer, 0, count);
            if (content.Length > LongestFile)
            {
                throw new DataException($"{path}: expected a text of at most {LongestFile} bytes");
            }
        }

        ReadOnlySpan<byte> bytes = content.GetBuffer().AsSpan(0, (int)content.Length);
        bytes = bytes.StartsWith(Encoding.UTF8.Preamble) ? bytes[Encoding.UTF8.Preamble.Length..] : bytes;
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw new DataException($"{path}: expected UTF-8 text, found other bytes at {e.Index}", e);
        }
    }
}
