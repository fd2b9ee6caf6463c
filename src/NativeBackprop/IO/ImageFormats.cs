using System.Text.Json;
using NativeBackprop.Layers;

namespace NativeBackprop.IO;

/// <summary>The layers of model files that pool, normalise by the channel, or rearrange images and signals.</summary>
internal static class ImageFormats
{
    private const string Kernel = "kernel", Stride = "stride", Padding = "padding";
    private const string Factor = "factor", Groups = "groups", Epsilon = "eps", Momentum = "momentum";
    private const int StandardFactor = 2;
    private const float StandardEpsilon = 1e-5f, StandardMomentum = 0.1f;

    public static LayerFormat[] All { get; } =
    [
        LayerFormat.For<MaxPool2d>(
            "max_pool2d",
            (from, _) => new MaxPool2d(ConvolutionFormats.Size(from, Kernel), StrideOf(from), ConvolutionFormats.Size(from, Padding, 0, 0)),
            (json, layer) => Write(json, layer.Kernel, layer.Stride, layer.Padding)),
        LayerFormat.For<AvgPool2d>(
            "avg_pool2d",
            (from, _) => new AvgPool2d(ConvolutionFormats.Size(from, Kernel), StrideOf(from), ConvolutionFormats.Size(from, Padding, 0, 0)),
            (json, layer) => Write(json, layer.Kernel, layer.Stride, layer.Padding)),
        LayerFormat.For<MaxPool1d>(
            "max_pool1d",
            (from, _) => new MaxPool1d(from.Count(Kernel), from.Count(Stride, from.Count(Kernel)), from.Whole(Padding, 0)),
            (json, layer) => Write(json, layer.Kernel, layer.Stride, layer.Padding)),
        LayerFormat.For<AvgPool1d>(
            "avg_pool1d",
            (from, _) => new AvgPool1d(from.Count(Kernel), from.Count(Stride, from.Count(Kernel)), from.Whole(Padding, 0)),
            (json, layer) => Write(json, layer.Kernel, layer.Stride, layer.Padding)),
        LayerFormat.For<GlobalAveragePool>("global_avg_pool", (_, _) => new GlobalAveragePool(), (_, _) => { }),
        LayerFormat.For<Flatten>("flatten", (_, _) => new Flatten(), (_, _) => { }),
        LayerFormat.For<TransposeLayer>("transpose", (_, _) => new TransposeLayer(), (_, _) => { }),
        LayerFormat.For<Upsample>(
            "upsample",
            (from, _) => new Upsample(from.Count(Factor, StandardFactor)),
            (json, layer) => WriteUnless(StandardFactor, json, Factor, layer.Factor)),
        LayerFormat.For<BatchNorm>(
            "batch_norm",
            (from, input) => new BatchNorm(
                input.Shape[-1], from.Number(Epsilon, StandardEpsilon), from.Number(Momentum, StandardMomentum)),
            (json, layer) =>
            {
                WriteUnless(StandardEpsilon, json, Epsilon, layer.Epsilon);
                WriteUnless(StandardMomentum, json, Momentum, layer.Momentum);
            }),
        LayerFormat.For<GroupNorm>(
            "group_norm",
            (from, input) => new GroupNorm(from.Count(Groups), input.Shape[-1], from.Number(Epsilon, StandardEpsilon)),
            (json, layer) =>
            {
                json.WriteNumber(Groups, layer.Groups);
                WriteUnless(StandardEpsilon, json, Epsilon, layer.Epsilon);
            }),
    ];

    // Without a key, windows touch.
    private static Size2d? StrideOf(ModelObject from) => from.Has(Stride) ? ConvolutionFormats.Size(from, Stride) : null;

    private static void Write(Utf8JsonWriter json, Size2d kernel, Size2d stride, Size2d padding)
    {
        ConvolutionFormats.Write(json, Kernel, kernel, null);
        ConvolutionFormats.Write(json, Stride, stride, kernel);
        ConvolutionFormats.Write(json, Padding, padding, 0);
    }

    private static void WriteUnless(float standard, Utf8JsonWriter json, string key, float value)
    {
        if (value != standard)
        {
            json.WriteNumber(key, value);
        }
    }
}
