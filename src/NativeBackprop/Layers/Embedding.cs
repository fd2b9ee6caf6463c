using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// A learned row of numbers for each of some symbols: indices [B, T] become the sequence [B, T, Units]. Parameter: <c>weight</c> [rows,
/// units], in files too, drawn from the standard normal distribution. PyTorch's <c>nn.Embedding</c>.
/// </summary>
/// <remarks>
/// <para>Plain gradient descent without decay and without a transform of gradients updates the rows that a step has used and touches no
/// other. Every other optimizer moves all rows (decay, momentum, running averages), and has a gradient for all.</para>
/// <para>Thread safety: as that of every <see cref="Layer"/>.</para>
/// </remarks>
public sealed class Embedding : Layer
{
    /// <param name="rows">How many symbols there are, at least 1.</param>
    /// <param name="units">Numbers for each, at least 1.</param>
    /// <exception cref="OptionException">A number is below 1.</exception>
    public Embedding(int rows, int units)
    {
        if (rows < 1 || units < 1)
        {
            throw new OptionException($"an embedding needs at least 1 row and 1 unit, got {rows} rows of {units} units");
        }

        Weight = AddParameter("weight", [rows, units], Initializer.Normal(1));
        Weight.FileOrder = [0, 1];
    }

    /// <summary>A row for each symbol, [rows, units].</summary>
    public Parameter Weight { get; }

    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context)
    {
        KindCheck.Require(input, context, "an embedding", null, RowKind.Indices);
        return input.Op.IndexBound <= Weight.Shape[0]
            ? context.Graph.Add(new Gather(), context.Variable(Weight), input)
            : throw new ShapeException(
                $"{context.At}an embedding of {Weight.Shape[0]} rows takes indices below {Weight.Shape[0]}, "
                + $"got {input} with indices below {input.Op.IndexBound}");
    }

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new Embedding(Weight.Shape[0], Weight.Shape[1]);
}
