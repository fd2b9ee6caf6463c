using System.Text.Json;
using NativeBackprop.Layers;
using NativeBackprop.Ops;

namespace NativeBackprop.IO;

/// <summary>How one kind of layer stands in a model file.</summary>
/// <param name="Type">Its name there.</param>
/// <param name="LayerType">Its class.</param>
/// <param name="Read">Makes the layer from its object, for an input of the shape of a node.</param>
/// <param name="Write">Writes the keys besides the type; a key with its default value is left out.</param>
internal sealed record LayerFormat(string Type, Type LayerType, Func<ModelObject, Node, Layer> Read, Action<Utf8JsonWriter, Layer> Write)
{
    public static LayerFormat For<T>(string type, Func<ModelObject, Node, T> read, Action<Utf8JsonWriter, T> write)
        where T : Layer =>
        new(type, typeof(T), read, (json, layer) => write(json, (T)layer));
}

/// <summary>The layers of model files: those with parameters or structure in a table, every elementwise function by its row.</summary>
internal static class LayerFormats
{
    private const string TypeKey = "type";
    private const float DropoutProbability = 0.5f, LayerNormEpsilon = 1e-5f;
    private const string Gelu = "gelu", Approximate = "approximate";

    private static readonly LayerFormat[] _formats =
    [
        .. ConvolutionFormats.All,
        LayerFormat.For<Linear>(
            "linear",
            (from, input) => new Linear(Width(input), from.Count("units"), from.Flag("bias", true)),
            (json, layer) =>
            {
                json.WriteNumber("units", layer.Weight.Shape[1]);
                WriteBias(json, layer.Bias);
            }),
        LayerFormat.For<LowRankLinear>(
            "low_rank_linear",
            (from, input) => new LowRankLinear(Width(input), from.Count("units"), from.Count("rank"), from.Flag("bias", true)),
            (json, layer) =>
            {
                json.WriteNumber("units", layer.V.Shape[1]);
                json.WriteNumber("rank", layer.V.Shape[0]);
                WriteBias(json, layer.Bias);
            }),
        LayerFormat.For<Prelu>(
            "prelu",
            (from, input) => new Prelu(from.Flag("per_channel", false) ? Width(input) : null),
            (json, layer) => WriteUnless(false, json, "per_channel", layer.Features is not null)),
        LayerFormat.For<SoftmaxLayer>("softmax", (_, _) => new SoftmaxLayer(), (_, _) => { }),
        LayerFormat.For<Maxout>(
            "maxout", (from, _) => new Maxout(from.Count("pieces")), (json, layer) => json.WriteNumber("pieces", layer.Pieces)),
        LayerFormat.For<Dropout>(
            "dropout",
            (from, _) => new Dropout(from.Number("p", DropoutProbability)),
            (json, layer) => WriteUnless(DropoutProbability, json, "p", layer.Probability)),
        LayerFormat.For<LayerNorm>(
            "layer_norm",
            (from, input) => new LayerNorm(Width(input), from.Number("eps", LayerNormEpsilon)),
            (json, layer) => WriteUnless(LayerNormEpsilon, json, "eps", layer.Epsilon)),
        LayerFormat.For<Residual>(
            "residual",
            (from, input) =>
            {
                Node skip = input;
                Layer[] layers = Read(from, "layers", ref input);
                return from.Has("skip") ? new Residual(layers, Read(from, "skip", ref skip)) : new Residual(layers);
            },
            (json, layer) =>
            {
                Write(json, "layers", layer.Layers);
                if (layer.Skip is { } skip)
                {
                    Write(json, "skip", skip);
                }
            }),
        LayerFormat.For<Gated>(
            "gated",
            (from, input) =>
            {
                Node gate = input;
                return new Gated(Read(from, "layers", ref input), Read(from, "gate", ref gate));
            },
            (json, layer) =>
            {
                Write(json, "layers", layer.Layers);
                Write(json, "gate", layer.Gate);
            }),
        .. RecurrentFormats.All,
        .. ImageFormats.All,
    ];

    /// <summary>
    /// Reads a list of layers and builds each on the one before, so that a mistake is found at its place.
    /// </summary>
    /// <param name="owner">The object that holds the list.</param>
    /// <param name="key">The list's key.</param>
    /// <param name="input">What the first layer is applied to; the last one's output afterwards.</param>
    /// <exception cref="DataException">
    /// A type, key or value is unknown, missing or wrong, or a layer does not fit the one before.
    /// </exception>
    public static Layer[] Read(ModelObject owner, string key, ref Node input)
    {
        ModelObject[] objects = owner.Objects(key);
        var layers = new Layer[objects.Length];
        for (int i = 0; i < layers.Length; i++)
        {
            try
            {
                layers[i] = Read(objects[i], input);
                objects[i].Finish();
                input = layers[i].Build(input, new BuildContext(input.Graph, BuildMode.Evaluation));
            }
            catch (Exception e) when (e is ShapeException or OptionException)
            {
                throw new DataException($"{owner.File}: {objects[i].Path}: {e.Message}", e);
            }
        }

        return layers;
    }

    private static DataException Unknown(Layer layer)
    {
        string types = string.Join(", ", _formats.Select(known => known.Type));
        return new DataException(
            $"a model file cannot hold a layer of type {layer.GetType().Name}: expected an elementwise function or one of {types}");
    }

    /// <summary>Writes a list of layers.</summary>
    /// <exception cref="DataException">A layer has no place in model files.</exception>
    public static void Write(Utf8JsonWriter json, string key, IEnumerable<Layer> layers)
    {
        json.WriteStartArray(key);
        foreach (Layer layer in layers)
        {
            json.WriteStartObject();
            if (layer is Activation activation)
            {
                WriteFunction(json, activation.Function);
            }
            else
            {
                LayerFormat format = _formats.FirstOrDefault(format => format.LayerType == layer.GetType()) ?? throw Unknown(layer);
                json.WriteString(TypeKey, format.Type);
                format.Write(json, layer);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static Layer Read(ModelObject from, Node input)
    {
        string type = from.Text(TypeKey);
        return _formats.FirstOrDefault(format => format.Type == type) is { } format ? format.Read(from, input)
            : type == Gelu ? ReadGelu(from)
            : Functions.Find(type) is { } row ? ReadFunction(from, row)
            : throw from.Error(
                $".{TypeKey}",
                $"one of {string.Join(", ", _formats.Select(known => known.Type).Concat(Functions.Names).Order(StringComparer.Ordinal))}",
                $"'{type}'");
    }

    // PyTorch has one gelu with an argument, the graph has two functions.
    private static Layer ReadGelu(ModelObject from) => from.Text(Approximate, "none") switch
    {
        "none" => new Gelu(),
        "tanh" => new GeluTanh(),
        string other => throw from.Error($".{Approximate}", "'none' or 'tanh'", $"'{other}'"),
    };

    private static Layer ReadFunction(ModelObject from, FunctionRow row)
    {
        float value = 0;
        if (row.Parameter is { } parameter)
        {
            value = from.Number(parameter.Key, parameter.Default);
            if (!parameter.Accepts(value))
            {
                throw from.Error($".{parameter.Key}", parameter.Expected, $"{value}");
            }
        }

        Elementwise function = row.Create(value);
        return function.Domain is { } domain
            ? throw from.Error("", "a function that takes every number", $"{row.Name}, which needs {domain}")
            : function;
    }

    private static void WriteFunction(Utf8JsonWriter json, Elementwise function)
    {
        if (function is GeluTanh)
        {
            json.WriteString(TypeKey, Gelu);
            json.WriteString(Approximate, "tanh");
            return;
        }

        FunctionRow row = Functions.Find(function.Name) is { } known && known == function.Row ? known
            : throw new DataException($"a model file cannot hold the function {function.Name}: it is not one of the engine's own");
        json.WriteString(TypeKey, row.Name);
        if (row.Parameter is { } parameter && function.Parameter != parameter.Default)
        {
            json.WriteNumber(parameter.Key, function.Parameter);
        }
    }

    private static int Width(Node input) => input.Shape[-1];

    private static void WriteBias(Utf8JsonWriter json, Parameter? bias) => WriteUnless(true, json, "bias", bias is not null);

    private static void WriteUnless(bool standard, Utf8JsonWriter json, string key, bool value)
    {
        if (value != standard)
        {
            json.WriteBoolean(key, value);
        }
    }

    private static void WriteUnless(float standard, Utf8JsonWriter json, string key, float value)
    {
        if (value != standard)
        {
            json.WriteNumber(key, value);
        }
    }
}
