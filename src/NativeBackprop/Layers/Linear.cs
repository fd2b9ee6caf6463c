using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// The affine map z = x·W + b from [B, In] to [B, Out], or of each step of a sequence from [B, T, In] to [B, T, Out]. Parameters:
/// <c>weight</c> [In, Out], stored so that the forward product needs no transposition, and <c>bias</c> [Out].
/// </summary>
/// <remarks>Thread safety: as that of every <see cref="Layer"/>.</remarks>
public sealed class Linear : Layer
{
    private readonly Initializer _weightInitializer, _biasInitializer;

    /// <param name="inputs">Width of the input, at least 1.</param>
    /// <param name="outputs">Width of the output, at least 1.</param>
    /// <param name="bias">False leaves b out.</param>
    /// <param name="weightInitializer">He's normal distribution when null.</param>
    /// <param name="biasInitializer">Zeros when null.</param>
    /// <exception cref="OptionException">A width is below 1.</exception>
    public Linear(int inputs, int outputs, bool bias = true, Initializer? weightInitializer = null, Initializer? biasInitializer = null)
    {
        if (inputs < 1 || outputs < 1)
        {
            throw new OptionException($"a linear layer's widths must be at least 1, got {inputs} inputs and {outputs} outputs");
        }

        (_weightInitializer, _biasInitializer) = (weightInitializer ?? Initializer.He(), biasInitializer ?? Initializer.Constant());
        Weight = AddParameter("weight", [inputs, outputs], _weightInitializer);
        Bias = bias ? AddParameter("bias", [outputs], _biasInitializer, inputs, outputs) : null;
    }

    /// <summary>W, of shape [In, Out].</summary>
    public Parameter Weight { get; }

    /// <summary>b, of shape [Out], or null.</summary>
    public Parameter? Bias { get; }

    /// <inheritdoc/>
    public override int? InputWidthFor(int? outputWidth) => Weight.Shape[0];

    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context)
    {
        KindCheck.Require(input, context, "a linear layer", Weight.Shape[0], RowKind.Features, RowKind.Sequence);
        Node product = input.MatMul(context.Variable(Weight));
        return Bias is null ? product : product + context.Variable(Bias);
    }

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) =>
        new Linear(Weight.Shape[0], Weight.Shape[1], Bias is not null, _weightInitializer, _biasInitializer);
}
