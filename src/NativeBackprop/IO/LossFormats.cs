using System.Text.Json;
using System.Text.Json.Nodes;
using NativeBackprop.Losses;

namespace NativeBackprop.IO;

/// <summary>How one loss stands in a model file.</summary>
/// <param name="Name">Its name there.</param>
/// <param name="Default">The loss that the name alone means.</param>
/// <param name="Read">Makes the loss from its object.</param>
/// <param name="Options">The keys besides the type, without those that have their default value.</param>
internal sealed record LossFormat(string Name, Func<Loss> Default, Func<ModelObject, Loss> Read, Func<Loss, JsonObject> Options)
{
    /// <summary>A loss without options.</summary>
    public static LossFormat For<T>(string name)
        where T : Loss, new() => new(name, () => new T(), _ => new T(), _ => []);
}

/// <summary>The losses of model files: a name, or an object with the loss's options.</summary>
internal static class LossFormats
{
    private const string TypeKey = "type", Delta = "delta", Smoothing = "label_smoothing", Weights = "class_weights";
    private const float DefaultDelta = 1;

    private static readonly LossFormat[] _formats =
    [
        new(
            "softmax_cross_entropy",
            () => new SoftmaxCrossEntropy(),
            from => new SoftmaxCrossEntropy(labelSmoothing: from.Number(Smoothing, 0), classWeights: from.Numbers(Weights)),
            loss => OptionsOf((SoftmaxCrossEntropy)loss)),
        LossFormat.For<SigmoidCrossEntropy>("sigmoid_cross_entropy"),
        LossFormat.For<MeanSquaredError>("mse"),
        LossFormat.For<MeanAbsoluteError>("l1"),
        new(
            "huber",
            () => new Huber(DefaultDelta),
            from => new Huber(from.Number(Delta, DefaultDelta)),
            loss => loss is Huber { Delta: var delta and not DefaultDelta } ? new JsonObject { [Delta] = delta } : []),
        LossFormat.For<MulticlassHinge>("multiclass_hinge"),
        LossFormat.For<GaussianNll>("gaussian_nll"),
    ];

    /// <summary>The names of all losses.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. _formats.Select(format => format.Name)];

    /// <summary>The loss of a name, with its default options.</summary>
    /// <exception cref="OptionException">There is no such loss.</exception>
    public static Loss Create(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return Find(name)?.Default() ?? throw new OptionException($"expected the loss {string.Join(", ", Names)}, got '{name}'");
    }

    /// <summary>Reads the loss that stands under a key: a name, or an object.</summary>
    /// <exception cref="DataException">It is neither, or has a wrong key.</exception>
    /// <exception cref="OptionException">There is no such loss, or an option is outside its range.</exception>
    public static Loss Read(ModelObject root, string key)
    {
        if (root.TryObject(key) is not { } from)
        {
            return Create(root.Text(key));
        }

        string name = from.Text(TypeKey);
        LossFormat format = Find(name) ?? throw from.Error($".{TypeKey}", $"one of {string.Join(", ", Names)}", $"'{name}'");
        Loss loss = format.Read(from);
        from.Finish();
        return loss;
    }

    /// <summary>Writes a loss: its name where all its options are the defaults, else an object.</summary>
    /// <exception cref="DataException">The loss is a user's own.</exception>
    public static void Write(Utf8JsonWriter json, string key, Loss loss)
    {
        LossFormat format = Find(loss.CheckedName) is { } found && found.Default().GetType() == loss.GetType() ? found
            : throw new DataException($"a model file cannot hold the loss {loss.CheckedName}: it is not one of the engine's own");
        JsonObject options = format.Options(loss);
        if (options.Count == 0)
        {
            json.WriteString(key, format.Name);
            return;
        }

        options.Insert(0, TypeKey, format.Name);
        json.WritePropertyName(key);
        options.WriteTo(json);
    }

    private static LossFormat? Find(string name) => Array.Find(_formats, format => format.Name == name);

    private static JsonObject OptionsOf(SoftmaxCrossEntropy loss)
    {
        JsonObject options = loss.LabelSmoothing == 0 ? [] : new JsonObject { [Smoothing] = loss.LabelSmoothing };
        if (!loss.ClassWeights.IsEmpty)
        {
            options[Weights] = new JsonArray([.. loss.ClassWeights.ToArray().Select(weight => JsonValue.Create(weight))]);
        }

        return options;
    }
}
