using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// The affine map z = x·W + b from [B, In] to [B, Out]. Parameters: <c>weight</c> [In, Out], stored so that the forward product
/// needs no transposition, and <c>bias</c> [Out].
/// </summary>
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

        Weight = new Parameter("weight", [inputs, outputs]);
        Bias = bias ? new Parameter("bias", [outputs]) : null;
        _weightInitializer = weightInitializer ?? new HeInitializer();
        _biasInitializer = biasInitializer ?? new ConstantInitializer();
    }

    /// <summary>W, of shape [In, Out].</summary>
    public Parameter Weight { get; }

    /// <summary>b, of shape [Out], or null.</summary>
    public Parameter? Bias { get; }

    /// <inheritdoc/>
    protected internal override IEnumerable<Parameter> OwnParameters => Bias is null ? [Weight] : [Weight, Bias];

    /// <inheritdoc/>
    protected internal override int? InputWidth => Weight.Shape[0];

    /// <inheritdoc/>
    public override Node Build(Node input, BuildMode mode)
    {
        if (input.Shape.Rank != 2 || input.Shape[1] != Weight.Shape[0])
        {
            throw new ShapeException($"{Weight.Name}: a linear layer of {Weight.Shape[0]} inputs needs an input of shape [B, {Weight.Shape[0]}], got {input.Shape} from {input}");
        }

        Node product = input.MatMul(input.Graph.Variable(Weight));
        return Bias is null ? product : product + input.Graph.Variable(Bias);
    }

    /// <inheritdoc/>
    protected internal override void Initialize(RandomSource random)
    {
        _weightInitializer.Fill(Weight.Span, Weight.Shape[0], Weight.Shape[1], random);
        if (Bias is not null)
        {
            _biasInitializer.Fill(Bias.Span, Weight.Shape[0], Weight.Shape[1], random);
        }
    }
}
