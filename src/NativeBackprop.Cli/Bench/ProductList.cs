namespace NativeBackprop.Cli.Bench;

/// <summary>
/// The products of a network's step, gathered layer by layer: a layer has its forward product, the gradient of its input (not so the
/// first one, whose input is data) and that of its weight.
/// </summary>
/// <remarks>
/// All operands on the left are in one place, those on the right in another, the results in a third. A convolution has a patch of its
/// input in each row of the matrix on the left, and that matrix takes too much memory to have one for each layer.
/// </remarks>
internal sealed class ProductList
{
    private const string Left = "left", Right = "right", Result = "result";

    private readonly List<BareProduct> _forward = [], _backward = [];
    private bool _needsInputGradient;

    /// <summary>The products in the step's order.</summary>
    public IReadOnlyList<BareProduct> All => [.. _forward, .. Enumerable.Reverse(_backward)];

    /// <summary>What comes before the first layer with products is trained too, and wants a gradient.</summary>
    public ProductList AfterEmbedding()
    {
        _needsInputGradient = true;
        return this;
    }

    /// <summary>A linear layer.</summary>
    /// <param name="rows">Rows of the batch, times steps.</param>
    /// <param name="inputs">Inputs of a row.</param>
    /// <param name="outputs">Outputs of a row.</param>
    public ProductList Linear(int rows, int inputs, int outputs)
    {
        _forward.Add(Forward(rows, outputs, inputs));
        AddWeightGradient(rows, outputs, inputs);
        if (_needsInputGradient)
        {
            _backward.Add(InputGradient(rows, outputs, inputs));
        }

        _needsInputGradient = true;
        return this;
    }

    /// <summary>A convolution of square images.</summary>
    /// <param name="batch">Images.</param>
    /// <param name="extent">Height and width of the output.</param>
    /// <param name="kernel">Height and width of the kernel.</param>
    /// <param name="inputs">Channels of the input.</param>
    /// <param name="outputs">Channels of the output.</param>
    public ProductList Convolution(int batch, int extent, int kernel, int inputs, int outputs) =>
        Linear(batch * extent * extent, kernel * kernel * inputs, outputs);

    /// <summary>A recurrent layer in one direction.</summary>
    /// <param name="batch">Sequences.</param>
    /// <param name="steps">Steps of each.</param>
    /// <param name="inputs">Inputs of a step.</param>
    /// <param name="units">Width of the state.</param>
    /// <param name="gates">How many times as wide what a step computes is.</param>
    public ProductList Recurrence(int batch, int steps, int inputs, int units, int gates)
    {
        Linear(batch * steps, inputs, gates * units);
        AddWeightGradient(batch * steps, gates * units, units);
        for (int step = 0; step < steps; step++)
        {
            _forward.Add(Forward(batch, gates * units, units));
            _backward.Add(InputGradient(batch, gates * units, units));
        }

        return this;
    }

    private static BareProduct Forward(int rows, int outputs, int inputs) => new(false, false, rows, outputs, inputs, Left, Right, Result);

    private static BareProduct InputGradient(int rows, int outputs, int inputs) =>
        new(false, true, rows, inputs, outputs, Left, Right, Result);

    private void AddWeightGradient(int rows, int outputs, int inputs) =>
        _backward.Add(new(true, false, inputs, outputs, rows, Left, Right, Result, Updates: true));
}
