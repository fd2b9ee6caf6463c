using System.Text.Json;

namespace NativeBackprop.IO;

/// <summary>
/// An object of a model file. Hands out the values of its keys, each of the kind that is asked for, and remembers which keys those were, so
/// that <see cref="Finish"/> can refuse the others. Errors name the file, the JSON path, the expected and the actual.
/// </summary>
internal sealed class ModelObject
{
    private readonly JsonElement _element;
    private readonly List<string> _known = [];

    public ModelObject(JsonElement element, string file, string path)
    {
        (_element, File, Path) = (element, file, path);
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw Error("", "an object", Describe(element));
        }
    }

    public string File { get; }

    /// <summary>Where the object stands: <c>$.layers[2]</c>.</summary>
    public string Path { get; }

    public string Text(string key, string? fallback = null) =>
        (fallback is null ? Required(key) : Optional(key)) is not { } value ? fallback!
        : value.ValueKind == JsonValueKind.String ? value.GetString()!
        : throw Error($".{key}", "a string", Describe(value));

    public bool Flag(string key, bool fallback) => Optional(key) is not { } value ? fallback
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
        : throw Error($".{key}", "true or false", Describe(value));

    public float Number(string key, float? fallback) =>
        (fallback is null ? Required(key) : Optional(key)) is not { } value ? fallback!.Value
        : Number(value, $".{key}");

    /// <summary>True when there is a value under a key.</summary>
    public bool Has(string key) => Optional(key) is not null;

    /// <summary>A whole number of at least 1.</summary>
    public int Count(string key, int? fallback = null) =>
        (fallback is null ? Required(key) : Optional(key)) is not { } value ? fallback!.Value
        : Count(value, $".{key}");

    /// <summary>A whole number of at least 1, or another one where the key is not there.</summary>
    public int Count(string key, int fallback) => Optional(key) is { } value ? Count(value, $".{key}") : fallback;

    /// <summary>A whole number of at least 0, or another one where the key is not there.</summary>
    public int Whole(string key, int fallback) =>
        Optional(key) is { } value ? Whole(value, $".{key}", 0, "a whole number of at least 0") : fallback;

    /// <summary>A whole number of at least some size, which stands for two, or a list of two; a fallback without the key.</summary>
    public int[] NumberOrPair(string key, int? fallback, int least)
    {
        if ((fallback is null ? Required(key) : Optional(key)) is not { } value)
        {
            return [fallback!.Value, fallback.Value];
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            int both = Whole(value, $".{key}", least, $"a whole number of at least {least}, or a list of two");
            return [both, both];
        }

        return value.GetArrayLength() == 2
            ? [.. value.EnumerateArray().Select((item, i) => Whole(item, $".{key}[{i}]", least, $"a whole number of at least {least}"))]
            : throw Error($".{key}", "a list of two numbers", $"{value.GetArrayLength()} of them");
    }

    /// <summary>True when a key is there with a text.</summary>
    public bool IsText(string key, string text) =>
        Optional(key) is { ValueKind: JsonValueKind.String } value && value.GetString() == text;

    /// <summary>A list of whole numbers of at least 1.</summary>
    public int[] Counts(string key) => [.. Items(key).Select((item, i) => Count(item, $".{key}[{i}]"))];

    /// <summary>A list of objects.</summary>
    public ModelObject[] Objects(string key) => [.. Items(key).Select((item, i) => new ModelObject(item, File, $"{Path}.{key}[{i}]"))];

    /// <summary>The object under a key, or null when something else stands there or nothing does.</summary>
    public ModelObject? TryObject(string key) =>
        Optional(key) is { ValueKind: JsonValueKind.Object } value ? new ModelObject(value, File, $"{Path}.{key}") : null;

    /// <summary>A list of finite numbers, or null when there is none.</summary>
    public float[]? Numbers(string key) => Optional(key) is null ? null : [.. Items(key).Select((item, i) => Number(item, $".{key}[{i}]"))];

    /// <summary>Refuses keys that nobody has asked for.</summary>
    public void Finish()
    {
        foreach (JsonProperty property in _element.EnumerateObject())
        {
            if (!_known.Contains(property.Name))
            {
                throw Error("", $"{(_known.Count == 1 ? "the key" : "the keys")} {string.Join(", ", _known)}", $"'{property.Name}'");
            }
        }
    }

    public DataException Error(string at, string expected, string found) => new($"{File}: {Path}{at}: expected {expected}, found {found}");

    private JsonElement[] Items(string key)
    {
        JsonElement value = Required(key);
        return value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : throw Error($".{key}", "a list", Describe(value));
    }

    private float Number(JsonElement value, string at) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetSingle(out float number) && float.IsFinite(number)
        ? number
        : throw Error(at, "a finite number", Describe(value));

    private int Count(JsonElement value, string at) => Whole(value, at, 1, "a whole number of at least 1");

    private int Whole(JsonElement value, string at, int least, string expected) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= least
        ? number
        : throw Error(at, expected, Describe(value));

    private JsonElement Required(string key) => Optional(key)
        ?? throw Error(
            "", $"the key '{key}'",
            _element.EnumerateObject().Any() ? string.Join(", ", _element.EnumerateObject().Select(property => property.Name)) : "none");

    private JsonElement? Optional(string key)
    {
        if (!_known.Contains(key))
        {
            _known.Add(key);
        }

        return _element.TryGetProperty(key, out JsonElement value) ? value : null;
    }

    private static string Describe(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => $"'{Shortened(value.GetString()!)}'",
        _ => Shortened(value.GetRawText()),
    };

    private static string Shortened(string text) => text.Length > 40 ? $"{text[..40]}…" : text;
}
