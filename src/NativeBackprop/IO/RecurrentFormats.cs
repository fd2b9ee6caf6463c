using System.Text.Json;
using NativeBackprop.Layers;
using NativeBackprop.Ops;

namespace NativeBackprop.IO;

/// <summary>The layers of sequences and symbols in model files.</summary>
internal static class RecurrentFormats
{
    private const string ActivationKey = "activation", Tanh = "tanh", Relu = "relu";
    private const string OutputKey = "output", Sequence = "sequence", Last = "last";

    public static LayerFormat[] All =>
    [
        LayerFormat.For<Embedding>(
            "embedding",
            (from, _) => new Embedding(from.Count("rows"), from.Count("units")),
            (json, layer) =>
            {
                json.WriteNumber("rows", layer.Weight.Shape[0]);
                json.WriteNumber("units", layer.Weight.Shape[1]);
            }),
        LayerFormat.For<Rnn>(
            "rnn",
            (from, input) => Read(from, input, (inputs, units, o) => new Rnn(
                inputs, units, o.Layers, o.IsBidirectional, o.Bias, o.Dropout, o.Output,
                Choice(from, ActivationKey, Tanh, Relu) == Relu ? new Relu() : new Tanh())),
            (json, layer) =>
            {
                Write(json, layer);
                WriteUnless(Tanh, json, ActivationKey, layer.Activation.Name);
            }),
        LayerFormat.For<Lstm>(
            "lstm",
            (from, input) => Read(from, input, (inputs, units, o) =>
                new Lstm(inputs, units, o.Layers, o.IsBidirectional, o.Bias, o.Dropout, o.Output)),
            Write),
        LayerFormat.For<Gru>(
            "gru",
            (from, input) => Read(from, input, (inputs, units, o) =>
                new Gru(inputs, units, o.Layers, o.IsBidirectional, o.Bias, o.Dropout, o.Output)),
            Write),
    ];

    private static T Read<T>(ModelObject from, Node input, Func<int, int, RecurrentOptions, T> create) => create(
        input.Shape[-1], from.Count("units"), new RecurrentOptions(
            from.Count("layers", 1), from.Flag("bidirectional", false), from.Flag("bias", true), from.Number("dropout", 0),
            Choice(from, OutputKey, Sequence, Last) == Last ? RecurrentOutput.Last : RecurrentOutput.Sequence));

    private static void Write(Utf8JsonWriter json, Recurrent layer)
    {
        json.WriteNumber("units", layer.Units);
        if (layer.Layers != 1)
        {
            json.WriteNumber("layers", layer.Layers);
        }

        if (layer.IsBidirectional)
        {
            json.WriteBoolean("bidirectional", true);
        }

        if (!layer.HasBias)
        {
            json.WriteBoolean("bias", false);
        }

        if (layer.Dropout != 0)
        {
            json.WriteNumber("dropout", layer.Dropout);
        }

        WriteUnless(Sequence, json, OutputKey, layer.Output == RecurrentOutput.Last ? Last : Sequence);
    }

    private static string Choice(ModelObject from, string key, string standard, string other) => from.Text(key, standard) is var text
        && (text == standard || text == other) ? text : throw from.Error($".{key}", $"'{standard}' or '{other}'", $"'{from.Text(key)}'");

    private static void WriteUnless(string standard, Utf8JsonWriter json, string key, string value)
    {
        if (value != standard)
        {
            json.WriteString(key, value);
        }
    }
}
