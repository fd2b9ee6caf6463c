using NativeBackprop.Layers;
using NativeBackprop.Ops;

namespace NativeBackprop.Cli.Bench;

/// <summary>The rows with convolutional networks.</summary>
internal static class ConvolutionalRows
{
    private const int Classes = 10;

    // ResNet-20's pairs of convolutions. Above the rows, which are made of them.
    private static readonly (int Inputs, int Channels, int Stride)[] _pairs =
    [
        (16, 16, 1), (16, 16, 1), (16, 16, 1), (16, 32, 2), (32, 32, 1), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 64, 1),
    ];

    /// <summary>LeNet-5 with rectifiers and maxima (LeCun et al. 1998 had tanh and averages).</summary>
    public static Workload LeNet { get; } = new(
        "lenet",
        Batch: 64,
        RowShape.Image(28, 28, 1),
        Classes,
        static () => new Sequential(
            RowShape.Image(28, 28, 1),
            new Conv2d(1, 6, 5, padding: 2), new Relu(), new MaxPool2d(2),
            new Conv2d(6, 16, 5), new Relu(), new MaxPool2d(2),
            new Flatten(),
            new Linear(400, 120), new Relu(), new Linear(120, 84), new Relu(), new Linear(84, Classes)),
        new ProductList()
            .Convolution(64, 28, 5, 1, 6).Convolution(64, 10, 5, 6, 16)
            .Linear(64, 400, 120).Linear(64, 120, 84).Linear(64, 84, Classes).All);

    /// <summary>Three pairs of convolutions with batch norms.</summary>
    public static Workload Cnn { get; } = new(
        "cnn",
        Batch: 32,
        RowShape.Image(32, 32, 3),
        Classes,
        static () => new Sequential(
            RowShape.Image(32, 32, 3),
            [
                .. Block(3, 32), .. Block(32, 32), new MaxPool2d(2),
                .. Block(32, 64), .. Block(64, 64), new MaxPool2d(2),
                .. Block(64, 128), .. Block(128, 128), new GlobalAveragePool(),
                new Linear(128, Classes),
            ]),
        new ProductList()
            .Convolution(32, 32, 3, 3, 32).Convolution(32, 32, 3, 32, 32)
            .Convolution(32, 16, 3, 32, 64).Convolution(32, 16, 3, 64, 64)
            .Convolution(32, 8, 3, 64, 128).Convolution(32, 8, 3, 128, 128)
            .Linear(32, 128, Classes).All);

    /// <summary>ResNet-20 for small images (He et al. 2016), with 1×1 convolutions where the shape changes.</summary>
    public static Workload ResNet { get; } = new(
        "resnet", Batch: 32, RowShape.Image(32, 32, 3), Classes, CreateResNet, ResNetProducts(32));

    private static Layer[] Block(int inputs, int channels, int stride = 1) =>
        [new Conv2d(inputs, channels, 3, stride, 1, bias: false), new BatchNorm(channels), new Relu()];

    private static Sequential CreateResNet()
    {
        List<Layer> layers = [.. Block(3, 16)];
        foreach ((int inputs, int channels, int stride) in _pairs)
        {
            Layer[] branch =
            [
                .. Block(inputs, channels, stride), new Conv2d(channels, channels, 3, padding: 1, bias: false), new BatchNorm(channels),
            ];
            Layer[] skip = [new Conv2d(inputs, channels, 1, stride, bias: false), new BatchNorm(channels)];
            layers.Add(inputs == channels ? new Residual(branch) : new Residual(branch, skip));
            layers.Add(new Relu());
        }

        return new Sequential(RowShape.Image(32, 32, 3), [.. layers, new GlobalAveragePool(), new Linear(64, Classes)]);
    }

    private static IReadOnlyList<BareProduct> ResNetProducts(int batch)
    {
        int extent = 32;
        ProductList products = new ProductList().Convolution(batch, extent, 3, 3, 16);
        foreach ((int inputs, int channels, int stride) in _pairs)
        {
            extent /= stride;
            products.Convolution(batch, extent, 3, inputs, channels).Convolution(batch, extent, 3, channels, channels);
            if (inputs != channels)
            {
                products.Convolution(batch, extent, 1, inputs, channels);
            }
        }

        return products.Linear(batch, 64, Classes).All;
    }
}
