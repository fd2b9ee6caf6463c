using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// A long short-term memory: c = f ⊙ c₀ + i ⊙ g and h = o ⊙ tanh c with i, f, o = σ and g = tanh of the quarters of
/// x·W_ih + b_ih + h₀·W_hh + b_hh (Hochreiter and Schmidhuber 1997; Gers et al. 2000). PyTorch's <c>nn.LSTM</c>.
/// </summary>
/// <remarks>
/// <para>Parameters and lengths: see <see cref="Recurrent"/>.</para>
/// <para>Thread safety: as that of every <see cref="Layer"/>.</para>
/// </remarks>
public sealed class Lstm : Recurrent
{
    /// <param name="inputs">Width of a step of the input, at least 1.</param>
    /// <param name="units">H, width of the state, at least 1.</param>
    /// <param name="layers">How many layers stand on top of each other, 1 to 1000.</param>
    /// <param name="bidirectional">True to go over the sequence from the end too.</param>
    /// <param name="bias">False leaves the biases out.</param>
    /// <param name="dropout">In [0, 1): the probability that an element between two layers is dropped while training.</param>
    /// <param name="output">What the layer gives.</param>
    /// <exception cref="OptionException">A value is outside its domain.</exception>
    public Lstm(
        int inputs, int units, int layers = 1, bool bidirectional = false, bool bias = true, float dropout = 0,
        RecurrentOutput output = RecurrentOutput.Sequence)
        : base(inputs, units, 4, new(layers, bidirectional, bias, dropout, output))
    {
    }

    private protected override string Title => "an LSTM";

    private protected override bool HasCell => true;

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) =>
        new Lstm(Inputs, Units, Layers, IsBidirectional, HasBias, Dropout, Output);

    private protected override CellState Step(Node x, CellState? previous, CellWeights weights)
    {
        Node z = previous is null ? x : x + previous.Hidden.MatMul(weights.Recurrent), before = previous?.Cell ?? Zeros(x);
        Node Result(LstmResult result) => x.Graph.Add(new LstmCell(result), z, before);
        Node state = Result(LstmResult.State);
        return new CellState(Result(LstmResult.Output), state);
    }
}
