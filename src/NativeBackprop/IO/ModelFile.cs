using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using NativeBackprop.Data;
using NativeBackprop.Layers;
using NativeBackprop.Losses;

namespace NativeBackprop.IO;

/// <summary>
/// Model files: the shape of an input, the layers and the loss as JSON, such as
/// <c>{"input":[784],"layers":[{"type":"linear","units":128},{"type":"relu"},{"type":"linear","units":10}],</c>
/// <c>"loss":"softmax_cross_entropy"}</c>.
/// A layer's input width follows from the layers before it. A type is a layer's name or that of any elementwise function, with the
/// function's arguments as keys.
/// </summary>
/// <remarks>Thread safety: any threads may use it at once.</remarks>
public static class ModelFile
{
    // More than any network that fits into memory needs, and little enough to read in one go.
    private const int MaxLength = 16 << 20;

    /// <summary>Reads a file. The parameters have no values yet.</summary>
    /// <exception cref="DataException">
    /// The file cannot be read, is not JSON, or has an unknown, missing, repeated or wrong key, value, layer or loss, or layers that do not
    /// fit each other. The message has the file, the JSON path, the expected and the actual.
    /// </exception>
    public static ModelDescription Read(string path) => DataFile.Guard(path, () =>
    {
        using FileStream stream = DataFile.Open(path);
        if (stream.Length > MaxLength)
        {
            throw new DataException($"{path}: expected a model file of at most {MaxLength} bytes, found {stream.Length}");
        }

        byte[] json = new byte[stream.Length];
        stream.ReadExactly(json);
        return Parse(json, path);
    });

    /// <summary>Reads JSON text.</summary>
    /// <param name="json">The text.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <exception cref="DataException">As for <see cref="Read(string)"/>.</exception>
    public static ModelDescription Parse(string json, string name)
    {
        ArgumentNullException.ThrowIfNull(json);
        ArgumentNullException.ThrowIfNull(name);
        return Parse(Encoding.UTF8.GetBytes(json), name);
    }

    /// <summary>Writes a file, whole or not at all.</summary>
    /// <exception cref="DataException">A layer has no place in model files, or the system refuses to write.</exception>
    public static void Write(string path, ModelDescription description)
    {
        byte[] json = [.. Encoding.UTF8.GetBytes(Format(description)), (byte)'\n'];
        AtomicFile.Write(path, stream => stream.Write(json));
    }

    /// <summary>The JSON text of a model.</summary>
    /// <exception cref="DataException">A layer has no place in model files.</exception>
    public static string Format(ModelDescription description)
    {
        ArgumentNullException.ThrowIfNull(description);
        using var text = new MemoryStream();
        using (var json = new Utf8JsonWriter(text, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            ModelInput.Write(json, description.Input);
            LayerFormats.Write(json, "layers", description.Model.Layers);
            LossFormats.Write(json, "loss", description.CreateLoss(denseTargets: false));
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(text.ToArray());
    }

    private static ModelDescription Parse(ReadOnlyMemory<byte> json, string name)
    {
        // A byte order mark, as some editors write, is not part of the text.
        ReadOnlyMemory<byte> text = json.Span.StartsWith(Encoding.UTF8.Preamble) ? json[Encoding.UTF8.Preamble.Length..] : json;
        try
        {
            using JsonDocument document = JsonDocument.Parse(text, new JsonDocumentOptions { AllowDuplicateProperties = false });
            return Read(new ModelObject(document.RootElement, name, "$"));
        }
        catch (JsonException e)
        {
            throw new DataException($"{name}: not a model file: {e.Message.ReplaceLineEndings(" ")}", e);
        }
        catch (InvalidOperationException e)
        {
            // Half of a surrogate pair, written as an escape: valid JSON that is no text.
            throw new DataException($"{name}: not a model file: a string is not valid Unicode", e);
        }
    }

    private static ModelDescription Read(ModelObject root)
    {
        RowShape input = ModelInput.Read(root);
        Node output = new ModelRows(new Graph(), input).Rows;
        Layer[] layers = LayerFormats.Read(root, "layers", ref output);
        Loss loss = At(root, ".loss", () => LossFormats.Read(root, "loss"));
        root.Finish();
        return At(root, ".loss", () => new ModelDescription(input, new Sequential(input, layers), loss));
    }

    private static T At<T>(ModelObject root, string key, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is ShapeException or OptionException)
        {
            throw new DataException($"{root.File}: {root.Path}{key}: {e.Message}", e);
        }
    }
}
