using System.Text.Json;
using NativeBackprop.Layers;

namespace NativeBackprop.IO;

/// <summary>The layers of model files that convolve. A number for both axes is a number there, otherwise a list [h, w].</summary>
internal static class ConvolutionFormats
{
    private const string Same = "same";

    public static LayerFormat[] All { get; } =
    [
        LayerFormat.For<Conv2d>(
            "conv2d",
            (from, input) => new Conv2d(
                input.Shape[-1], from.Count("channels"), Size(from, "kernel"), Size(from, "stride", 1), PaddingOf(from),
                Size(from, "dilation", 1), from.Count("groups", 1), from.Flag("bias", true)),
            Write),
        LayerFormat.For<Conv1d>(
            "conv1d",
            (from, input) => new Conv1d(
                input.Shape[-1], from.Count("channels"), from.Count("kernel"), from.Count("stride", 1), PaddingOf(from),
                from.Count("dilation", 1), from.Count("groups", 1), from.Flag("bias", true)),
            Write),
        LayerFormat.For<ConvTranspose2d>(
            "conv_transpose2d",
            (from, input) => new ConvTranspose2d(
                input.Shape[-1], from.Count("channels"), Size(from, "kernel"), Size(from, "stride", 1), Size(from, "padding", 0, 0),
                Size(from, "dilation", 1), from.Count("groups", 1), from.Flag("bias", true), Size(from, "output_padding", 0, 0)),
            Write),
    ];

    /// <summary>A number for both axes or a list of two; a fallback without the key.</summary>
    public static Size2d Size(ModelObject from, string key, int? fallback = null, int least = 1)
    {
        int[] size = from.NumberOrPair(key, fallback, least);
        return (size[0], size[1]);
    }

    private static Padding PaddingOf(ModelObject from) => from.IsText("padding", Same) ? Padding.Same : Size(from, "padding", 0, 0);

    private static void Write(Utf8JsonWriter json, ConvolutionLayer layer)
    {
        ConvolutionOptions options = layer.Options;
        json.WriteNumber("channels", options.Channels);
        Write(json, "kernel", options.Kernel, null);
        Write(json, "stride", options.Stride, 1);
        if (options.Padding.Size is { } padding)
        {
            Write(json, "padding", padding, 0);
        }
        else
        {
            json.WriteString("padding", Same);
        }

        Write(json, "dilation", options.Dilation, 1);
        Write(json, "groups", options.Groups, 1);
        if (!options.HasBias)
        {
            json.WriteBoolean("bias", false);
        }

        Write(json, "output_padding", options.OutputPadding, 0);
    }

    /// <summary>Writes a size, unless it is the standard one.</summary>
    public static void Write(Utf8JsonWriter json, string key, Size2d size, Size2d? standard)
    {
        if (size == standard)
        {
            return;
        }

        if (size.Height == size.Width)
        {
            json.WriteNumber(key, size.Height);
            return;
        }

        json.WriteStartArray(key);
        json.WriteNumberValue(size.Height);
        json.WriteNumberValue(size.Width);
        json.WriteEndArray();
    }
}
