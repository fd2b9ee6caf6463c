using NativeBackprop.Layers;
using NativeBackprop.Ops;
using static NativeBackprop.Tests.Ops.Domains;

namespace NativeBackprop.Tests.Ops;

/// <summary>Rows for the layers that pool, normalise by the channel, or rearrange.</summary>
internal static class ImageLayerTable
{
    public static IEnumerable<OpRow> Rows =>
    [
        Image(new MaxPool2d(2), domain: Distinct()),
        Image(new MaxPool2d((3, 2), stride: (2, 1), padding: (1, 0)), "overlapping", Distinct()),
        Image(new AvgPool2d(2)),
        Image(new AvgPool2d((2, 3), stride: 1, padding: 1), "overlapping"),
        Signal(new MaxPool1d(2), domain: Distinct()),
        Signal(new MaxPool1d(3, stride: 1, padding: 1), "overlapping", Distinct()),
        Signal(new AvgPool1d(3)),
        Signal(new AvgPool1d(4, stride: 3, padding: 2), "overlapping"),
        Image(new GlobalAveragePool()),
        Signal(new GlobalAveragePool(), "of signals"),
        Image(new Upsample(2)),
        Signal(new Upsample(3), "of signals"),
        Image(new Flatten()),
        Signal(new Flatten(), "of signals"),
        Of(new Flatten(), "of sequences", [Shape.Batch, 3, 4], RowKind.Sequence),
        Signal(new TransposeLayer()),
        Image(new BatchNorm(3)),
        Signal(new BatchNorm(3), "of signals"),
        Of(new BatchNorm(5, 0.1f, 0.3f), "of features", [Shape.Batch, 5], RowKind.Features),
        Of(new BatchNorm(3), "in evaluation", [Shape.Batch, 2, 2, 3], RowKind.Image, mode: BuildMode.Evaluation),
        Of(new Sequential(new BatchNorm(3), new Relu(), new GlobalAveragePool()), "of a normalised image", [Shape.Batch, 2, 2, 3],
            RowKind.Image),
        Of(new GroupNorm(2, 4), "", [Shape.Batch, 2, 3, 4], RowKind.Image),
        Of(new GroupNorm(3, 6, 0.1f), "of signals", [Shape.Batch, 5, 6], RowKind.Signal),
        Of(new GroupNorm(2, 6), "of features", [Shape.Batch, 6], RowKind.Features),
    ];

    private static OpRow Image(Layer layer, string name = "", Domain? domain = null) =>
        Of(layer, name, [Shape.Batch, 4, 6, 3], RowKind.Image, domain);

    private static OpRow Signal(Layer layer, string name = "", Domain? domain = null) =>
        Of(layer, name, [Shape.Batch, 6, 3], RowKind.Signal, domain);

    private static OpRow Of(
        Layer layer, string name, Shape shape, RowKind kind, Domain? domain = null, BuildMode mode = BuildMode.Training)
    {
        return new OpRow($"{Operation.SnakeCase(layer.GetType().Name)} {name}".TrimEnd(), layer.GetType(), (graph, x) =>
            NetworkTable.Build(layer.Clone(), x[0].Kind == kind ? x[0] : graph.Add(new AsKind(kind), x[0]), mode),
            OpTable.Of(domain ?? Normal, _ => shape)) { IsSerial = null };
    }
}
