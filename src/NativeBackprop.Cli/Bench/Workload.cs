namespace NativeBackprop.Cli.Bench;

/// <summary>A row of the benchmark: a network of linear layers, its batch and what is done with it.</summary>
/// <param name="Name">The row's name.</param>
/// <param name="Widths">Widths of the layers, input first.</param>
/// <param name="Batch">Rows of a minibatch.</param>
/// <param name="Activation">Name of the hidden units' activation.</param>
/// <param name="IsForwardOnly">True for inference; false for a whole training step.</param>
internal sealed record Workload(string Name, int[] Widths, int Batch, string Activation = "relu", bool IsForwardOnly = false)
{
    /// <summary>The rows of the suite, smallest first.</summary>
    public static IReadOnlyList<Workload> All { get; } =
    [
        new("tiny", [64, 32, 10], 32),
        new("small", [784, 128, 10], 64),
        new("medium", [784, 512, 256, 10], 128),
        new("medium-tanh", [784, 512, 256, 10], 128, "tanh"),
        new("large", [1024, 1024, 1024, 1024, 10], 256),
        new("xl", [4096, 4096, 4096, 10], 512),
        new("latency", [784, 512, 256, 10], 1, IsForwardOnly: true),
    ];

    /// <summary>Number of layers.</summary>
    public int Layers => Widths.Length - 1;

    /// <summary>
    /// Flops of a step in its products: F = 2B(3ΣP − P₁) with P_l = d_(l−1)·d_l, because the first layer needs no gradient of
    /// its input;
    /// 2BΣP for a forward pass.
    /// </summary>
    public double Flops
    {
        get
        {
            double all = 0;
            for (int l = 0; l < Layers; l++)
            {
                all += (double)Widths[l] * Widths[l + 1];
            }

            return 2.0 * Batch * (IsForwardOnly ? all : (3 * all) - ((double)Widths[0] * Widths[1]));
        }
    }

    /// <summary>The row of that name.</summary>
    /// <exception cref="OptionException">There is none.</exception>
    public static Workload Find(string name) => All.FirstOrDefault(row => row.Name == name)
        ?? throw new OptionException($"unknown row '{name}'; there are {string.Join(", ", All.Select(row => row.Name))}");
}
