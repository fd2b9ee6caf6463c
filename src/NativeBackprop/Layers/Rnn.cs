using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// A simple recurrent network: h = f(x·W_ih + b_ih + h₀·W_hh + b_hh) with f = tanh or relu (Elman 1990). PyTorch's <c>nn.RNN</c>.
/// </summary>
/// <remarks>
/// <para>Parameters and lengths: see <see cref="Recurrent"/>.</para>
/// <para>Thread safety: as that of every <see cref="Layer"/>.</para>
/// </remarks>
public sealed class Rnn : Recurrent
{
    /// <inheritdoc cref="Lstm(int, int, int, bool, bool, float, RecurrentOutput)"/>
    /// <param name="inputs"/><param name="units"/><param name="layers"/><param name="bidirectional"/><param name="bias"/>
    /// <param name="dropout"/><param name="output"/>
    /// <param name="activation">f: <see cref="Tanh"/>, which null stands for, or <see cref="Relu"/>.</param>
    public Rnn(
        int inputs, int units, int layers = 1, bool bidirectional = false, bool bias = true, float dropout = 0,
        RecurrentOutput output = RecurrentOutput.Sequence, Elementwise? activation = null)
        : base(inputs, units, 1, new(layers, bidirectional, bias, dropout, output)) =>
        Activation = activation is null or Tanh or Relu
            ? activation ?? new Tanh()
            : throw new OptionException($"a recurrent layer's activation must be tanh or relu, got {activation.Name}");

    /// <summary>f.</summary>
    public Elementwise Activation { get; }

    private protected override string Title => "a recurrent layer";

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) =>
        new Rnn(Inputs, Units, Layers, IsBidirectional, HasBias, Dropout, Output, Activation);

    private protected override CellState Step(Node x, CellState? previous, CellWeights weights) =>
        new((previous is null ? x : x + previous.Hidden.MatMul(weights.Recurrent)).Apply(Activation), null);
}
