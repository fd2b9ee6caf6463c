using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// A gated recurrent unit: h = (1 − z) ⊙ n + z ⊙ h₀ with r, z = σ(x + u) and n = tanh(x + r ⊙ u) of the thirds of x·W_ih + b_ih
/// and of u = h₀·W_hh + b_hh (Cho et al. 2014, with the reset gate behind the product). PyTorch's <c>nn.GRU</c>.
/// </summary>
/// <remarks>
/// <para>Parameters and lengths: see <see cref="Recurrent"/>.</para>
/// <para>Thread safety: as that of every <see cref="Layer"/>.</para>
/// </remarks>
public sealed class Gru : Recurrent
{
    /// <inheritdoc cref="Lstm(int, int, int, bool, bool, float, RecurrentOutput)"/>
    public Gru(
        int inputs, int units, int layers = 1, bool bidirectional = false, bool bias = true, float dropout = 0,
        RecurrentOutput output = RecurrentOutput.Sequence)
        : base(inputs, units, 3, new(layers, bidirectional, bias, dropout, output))
    {
    }

    private protected override string Title => "a GRU";

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) =>
        new Gru(Inputs, Units, Layers, IsBidirectional, HasBias, Dropout, Output);

    // The reset gate comes between the product of the state and what is added to it, so their biases stay apart.
    private protected override Node? InputBias(CellWeights weights) => weights.InputBias;

    private protected override CellState Step(Node x, CellState? previous, CellWeights weights)
    {
        Node? product = previous?.Hidden.MatMul(weights.Recurrent), bias = weights.RecurrentBias;
        Node u = product is null ? bias?.BroadcastTo(x.Shape) ?? x.Graph.Constant(0, x.Shape)
            : bias is null ? product : product + bias;
        return new CellState(x.Graph.Add(new GruCell(), x, u, previous?.Hidden ?? Zeros(x)), null);
    }
}
