using NativeBackprop.Layers;
using NativeBackprop.Ops;

namespace NativeBackprop.Cli.Bench;

/// <summary>A row of the benchmark: a network, its batch and what is done with it.</summary>
/// <param name="Name">The row's name.</param>
/// <param name="Batch">Rows of a minibatch.</param>
/// <param name="Input">What one row of the input is.</param>
/// <param name="Classes">How many classes a label is one of.</param>
/// <param name="CreateModel">Makes the network.</param>
/// <param name="Products">The matrix products of what is done, in its order.</param>
/// <param name="IsForwardOnly">True for inference; false for a whole training step.</param>
internal sealed record Workload(
    string Name, int Batch, RowShape Input, int Classes, Func<Sequential> CreateModel, IReadOnlyList<BareProduct> Products,
    bool IsForwardOnly = false)
{
    /// <summary>The rows of the suite: linear layers, smallest first; convolutions; recurrences.</summary>
    public static IReadOnlyList<Workload> All { get; } =
    [
        Linear("tiny", [64, 32, 10], 32),
        Linear("small", [784, 128, 10], 64),
        Linear("medium", [784, 512, 256, 10], 128),
        Linear("medium-tanh", [784, 512, 256, 10], 128, static () => new Tanh()),
        Linear("large", [1024, 1024, 1024, 1024, 10], 256),
        Linear("xl", [4096, 4096, 4096, 10], 512),
        Linear("latency", [784, 512, 256, 10], 1, isForwardOnly: true),
        ConvolutionalRows.LeNet,
        ConvolutionalRows.Cnn,
        ConvolutionalRows.ResNet,
        RecurrentRows.Lstm,
        RecurrentRows.Gru,
        RecurrentRows.Characters,
    ];

    /// <summary>
    /// Flops of a step in its products, 2 for each multiply-add: forward, gradients of the weights and of the inputs, the latter not of
    /// the first layer's, which is data.
    /// </summary>
    public double Flops => Products.Sum(product => product.Flops);

    /// <summary>The row of that name.</summary>
    /// <exception cref="OptionException">There is none.</exception>
    public static Workload Find(string name) => All.FirstOrDefault(row => row.Name == name)
        ?? throw new OptionException($"unknown row '{name}'; there are {string.Join(", ", All.Select(row => row.Name))}");

    private static Workload Linear(string name, int[] widths, int batch, Func<Layer>? activation = null, bool isForwardOnly = false) => new(
        name, batch, RowShape.Features(widths[0]), widths[^1], () => LinearLayers(widths, activation ?? (static () => new Relu())),
        LinearProducts(widths, batch, isForwardOnly), isForwardOnly);

    private static Sequential LinearLayers(int[] widths, Func<Layer> activation)
    {
        var layers = new List<Layer>();
        for (int l = 0; l + 1 < widths.Length; l++)
        {
            layers.Add(new Linear(widths[l], widths[l + 1]));
            if (l + 2 < widths.Length)
            {
                layers.Add(activation());
            }
        }

        return new Sequential([.. layers]);
    }

    // Every matrix in a place of its own: what a product finds in the caches is then what it finds there in the step.
    private static List<BareProduct> LinearProducts(int[] widths, int batch, bool isForwardOnly)
    {
        var products = new List<BareProduct>();
        for (int l = 0; l + 1 < widths.Length; l++)
        {
            products.Add(new(false, false, batch, widths[l + 1], widths[l], $"x{l}", $"w{l}", $"x{l + 1}"));
        }

        for (int l = widths.Length - 2; l >= 0 && !isForwardOnly; l--)
        {
            if (l > 0)
            {
                products.Add(new(false, true, batch, widths[l], widths[l + 1], $"x{l + 1}", $"w{l}", $"x{l}"));
            }

            products.Add(new(true, false, widths[l], widths[l + 1], batch, $"x{l}", $"x{l + 1}", $"w{l}", Updates: true));
        }

        return products;
    }
}
