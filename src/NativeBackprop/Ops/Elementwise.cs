namespace NativeBackprop.Ops;

/// <summary>
/// A function of one number applied to every element: y = f(x), dx = dy ⊙ f′. An activation of a network is one of these; a function of
/// one's own is a <see cref="CustomOp"/>. The result has the argument's shape.
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public abstract unsafe record Elementwise : Op
{
    // 0 and −0 are equal numbers but other functions: x ⊙ 0 and x ⊙ −0 differ.
    private readonly int _parameterBits;

    private protected Elementwise(FunctionRow row, float parameter = 0)
    {
        if (row.Parameter is { } expected && !expected.Accepts(parameter))
        {
            throw new OptionException($"{row.Name}: {expected.Key} must be {expected.Expected}, got {parameter}");
        }

        (Row, Parameter, _parameterBits) = (row, parameter, BitConverter.SingleToInt32Bits(parameter));
    }

    /// <inheritdoc/>
    public sealed override string Name => Row.Name;

    /// <summary>What the function is.</summary>
    internal FunctionRow Row { get; }

    /// <summary>The value of the function's parameter, 0 when it has none.</summary>
    internal float Parameter { get; }

    /// <summary>What <see cref="Derivative"/> and the backward kernel read.</summary>
    internal SavedOperand Saved => Row.Saved;

    /// <summary>The values that the function accepts, as a condition on x, or null when it accepts all.</summary>
    internal string? Domain => Row.Domain(Parameter);

    internal sealed override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0];

    internal sealed override Node? Gradient(Node node, int input, Node dy) => Row.Shortcut(node, dy, Parameter)
        ?? node.Graph.Add(new ElementwiseGradient(this), dy, Saved == SavedOperand.Output ? node : node.Inputs[0]);

    internal sealed override bool CanOverwrite(int input, int output) => true;

    internal sealed override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => true;

    internal sealed override bool CanFault => Domain is not null;

    internal sealed override Kernel CreateKernel(KernelArguments arguments) => Domain is null
        ? new ElementwiseKernel(this, arguments.Inputs[0], arguments.Output)
        : new DomainKernel(this, arguments.Inputs[0], arguments.Output);

    internal sealed override void Evaluate(ReferenceArguments arguments)
    {
        double[] x = arguments.Inputs[0];
        for (int i = 0; i < x.Length; i++)
        {
            arguments.Output[i] = Value(x[i]);
        }
    }

    /// <summary>f(x) in double precision.</summary>
    internal double Value(double x) => Row.Value(x, Parameter);

    /// <summary>f′ in double precision, as a function of the saved operand, with the documented subgradient at a kink.</summary>
    internal double Derivative(double saved) => Row.Derivative(saved, Parameter);

    /// <summary>∂f′/∂s as graph, where s is the saved operand; null when it is zero almost everywhere.</summary>
    internal Node? SecondDerivative(Node saved) => Row.Second(saved, Parameter);

    /// <summary>y[r][c] = f(z[r][c] + b[c]); b may be null; y may be z.</summary>
    internal void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y) =>
        Row.Forward(Parameter, z, b, rows, cols, ld, y);

    /// <summary>dz = dy ⊙ f′(s), db[c] = Σ_r dz[r][c]; db may be null; dz may be dy or s.</summary>
    internal void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db) =>
        Row.Backward(Parameter, dy, s, rows, cols, ld, dz, db);
}

/// <summary>A function of the table that is no activation of its own.</summary>
internal sealed record Map(FunctionRow Function, float Argument = 0) : Elementwise(Function, Argument);

/// <summary>dx = dy ⊙ f′(s), where s is the argument or the value that the function saves.</summary>
internal sealed record ElementwiseGradient(Elementwise Function) : Op
{
    /// <inheritdoc/>
    public override string Name => $"{Function.Name}_gradient";

    internal override int Arity => 2;

    internal override bool CanOverwrite(int input, int output) => true;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0].Equals(inputs[1])
        ? inputs[0]
        : throw new ShapeException($"the upstream gradient must have the shape {inputs[1]}, got {inputs[0]}");

    internal override Node? Gradient(Node node, int input, Node dy)
    {
        Node upstream = node.Inputs[0], saved = node.Inputs[1];
        return input == 0
            ? node.Graph.Add(this, dy, saved)
            : Function.SecondDerivative(saved) is { } second ? dy * upstream * second : null;
    }

    internal override Kernel CreateKernel(KernelArguments arguments) =>
        new ElementwiseGradientKernel(Function, arguments.Inputs[0], arguments.Inputs[1], arguments.Output);

    internal override void Evaluate(ReferenceArguments arguments)
    {
        for (int i = 0; i < arguments.Output.Length; i++)
        {
            arguments.Output[i] = arguments.Inputs[0][i] * Function.Derivative(arguments.Inputs[1][i]);
        }
    }
}
