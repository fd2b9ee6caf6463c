namespace NativeBackprop.Ops;

/// <summary>Which side of a function its derivative is computed from, and so what the engine must keep.</summary>
internal enum SavedOperand
{
    /// <summary>Neither: the derivative is constant.</summary>
    None,

    /// <summary>The argument x.</summary>
    Input,

    /// <summary>The value y = f(x).</summary>
    Output,
}

/// <summary>
/// A function of one number applied to every element: y = f(x), dx = dy ⊙ f′. An activation of a network is one of these.
/// The kernels add a bias on the way in and sum its gradient on the way back; matrices have row stride ld.
/// </summary>
public abstract unsafe record Elementwise : Op
{
    private protected Elementwise()
    {
    }

    /// <summary>What <see cref="Derivative"/> and the backward kernel read.</summary>
    internal abstract SavedOperand Saved { get; }

    /// <summary>The values that the function accepts, as a condition on x, or null when it accepts all.</summary>
    internal virtual string? Domain => null;

    internal sealed override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0];

    internal override Node? Gradient(Node node, int input, Node dy) =>
        node.Graph.Add(new ElementwiseGradient(this), dy, Saved == SavedOperand.Output ? node : node.Inputs[0]);

    internal override bool CanOverwrite(int input, int output) => true;

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
    internal abstract double Value(double x);

    /// <summary>f′ in double precision, as a function of the saved operand, with the documented subgradient at a kink.</summary>
    internal abstract double Derivative(double saved);

    /// <summary>
    /// ∂f′/∂s as graph, where s is the saved operand; null when it is zero almost everywhere.
    /// </summary>
    internal abstract Node? SecondDerivative(Node saved);

    /// <summary>True at arguments where f has no derivative and <see cref="Derivative"/> gives a subgradient.</summary>
    internal virtual bool IsKink(double x) => false;

    /// <summary>True when <paramref name="x"/> lies in the <see cref="Domain"/>.</summary>
    internal virtual bool Accepts(float x) => true;

    /// <summary>y[r][c] = f(z[r][c] + b[c]); b may be null; y may be z.</summary>
    internal abstract void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y);

    /// <summary>dz = dy ⊙ f′(s), db[c] = Σ_r dz[r][c]; db may be null; dz may be dy or s.</summary>
    internal abstract void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db);
}

/// <summary>dx = dy ⊙ f′(s), where s is the argument or the value that the function saves.</summary>
internal sealed record ElementwiseGradient(Elementwise Function) : Op
{
    /// <inheritdoc/>
    public override string Name => $"{Function.Name}_gradient";

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
