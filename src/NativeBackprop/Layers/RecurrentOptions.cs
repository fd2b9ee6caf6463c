namespace NativeBackprop.Layers;

/// <summary>What the constructors of recurrent layers have in common.</summary>
internal readonly record struct RecurrentOptions(int Layers, bool IsBidirectional, bool Bias, float Dropout, RecurrentOutput Output);

/// <summary>The parameters of one direction of one layer.</summary>
internal sealed record RecurrentWeights(Parameter Input, Parameter Recurrent, Parameter? InputBias, Parameter? RecurrentBias)
{
    /// <summary>The parameters' nodes.</summary>
    public CellWeights In(BuildContext context) => new(
        context.Variable(Input), context.Variable(Recurrent), InputBias is null ? null : context.Variable(InputBias),
        RecurrentBias is null ? null : context.Variable(RecurrentBias));
}

/// <summary>The weights of a cell as nodes.</summary>
internal sealed record CellWeights(Node Input, Node Recurrent, Node? InputBias, Node? RecurrentBias);

/// <summary>What a cell goes on from: h [B, H], and c of an LSTM.</summary>
internal sealed record CellState(Node Hidden, Node? Cell);
