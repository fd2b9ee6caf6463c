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

/// <summary>The one parameter that a function may have.</summary>
/// <param name="Key">Its name in model files.</param>
/// <param name="Default">What it is when a model file does not say, or null when it must.</param>
/// <param name="Tested">The values that the op table tries.</param>
internal sealed record FunctionParameter(string Key, float? Default, params float[] Tested)
{
    /// <summary>True for one that is data rather than a choice: every number is allowed, infinities and NaN too.</summary>
    public bool IsData { get; init; }

    /// <summary>True when 0 and negative numbers mean nothing.</summary>
    public bool IsPositive { get; init; }

    /// <summary>What <see cref="Accepts"/> asks for, as errors say it.</summary>
    public string Expected => IsPositive ? "a finite number above 0" : "a finite number";

    /// <summary>True when the function means something with that value.</summary>
    public bool Accepts(float value) => IsData || (float.IsFinite(value) && (!IsPositive || value > 0));
}

/// <summary>
/// A row of the table of elementwise functions: what f is in double precision, what the derivatives are, and which native calls compute
/// it. Everything else (ops, gradients, fusion, layers, model files, tests) follows from it.
/// </summary>
internal sealed unsafe class FunctionRow
{
    private readonly delegate*<float*, float*, nuint, nuint, nuint, float*, void> _forward;
    private readonly delegate*<float*, float*, nuint, nuint, nuint, float*, float*, void> _backward;
    private readonly delegate*<float*, float*, nuint, nuint, nuint, float, float*, void> _forwardOf;
    private readonly delegate*<float*, float*, nuint, nuint, nuint, float, float*, float*, void> _backwardOf;

    /// <summary>A function without a parameter.</summary>
    public FunctionRow(
        string name,
        SavedOperand saved,
        delegate*<float*, float*, nuint, nuint, nuint, float*, void> forward,
        delegate*<float*, float*, nuint, nuint, nuint, float*, float*, void> backward)
    {
        (Name, Saved) = (name, saved);
        _forward = forward;
        _backward = backward;
    }

    /// <summary>A function with a parameter.</summary>
    public FunctionRow(
        string name,
        SavedOperand saved,
        FunctionParameter parameter,
        delegate*<float*, float*, nuint, nuint, nuint, float, float*, void> forward,
        delegate*<float*, float*, nuint, nuint, nuint, float, float*, float*, void> backward)
    {
        (Name, Saved, Parameter) = (name, saved, parameter);
        _forwardOf = forward;
        _backwardOf = backward;
    }

    /// <summary>The name in snake_case, in kernels, plans and model files.</summary>
    public string Name { get; }

    /// <summary>What the derivative reads.</summary>
    public SavedOperand Saved { get; }

    /// <summary>The parameter p, or null.</summary>
    public FunctionParameter? Parameter { get; }

    /// <summary>f(x, p) in double precision.</summary>
    public required Func<double, double, double> Value { get; init; }

    /// <summary>f′ in double precision as a function of the saved operand and p, with the documented subgradient at a kink.</summary>
    public required Func<double, double, double> Derivative { get; init; }

    /// <summary>∂f′/∂s as graph, where s is the saved operand; null when it is zero almost everywhere.</summary>
    public Func<Node, float, Node?> Second { get; init; } = (_, _) => null;

    /// <summary>The gradient of a node, given dy and p, where it is simpler than dy ⊙ f′; null where it is not.</summary>
    public Func<Node, Node, float, Node?> Shortcut { get; init; } = (_, _, _) => null;

    /// <summary>
    /// The arguments that f accepts with p, for errors, or null when it accepts all. There is one condition, x ≥ 0: a kernel
    /// looks for negative arguments.
    /// </summary>
    public Func<float, string?> Domain { get; init; } = _ => null;

    /// <summary>Arguments where f has no derivative and <see cref="Derivative"/> gives a subgradient.</summary>
    public double[] Kinks { get; init; } = [];

    /// <summary>Arguments that tests with p keep away from: kinks of f and of f′, and poles.</summary>
    public Func<float, double[]>? Avoided { get; init; }

    /// <summary>True when model files and the command line know the function by its name.</summary>
    public bool IsNamed { get; init; } = true;

    /// <summary>The op for a value of the parameter.</summary>
    public Func<float, Elementwise>? Op { get; init; }

    /// <summary>The op for a value of the parameter; a function without one ignores it.</summary>
    public Elementwise Create(float parameter = 0) => Op is null ? new Map(this, Parameter is null ? 0 : parameter) : Op(parameter);

    /// <summary>y[r][c] = f(z[r][c] + b[c]); b may be null; y may be z.</summary>
    public void Forward(float p, float* z, float* b, nuint rows, nuint cols, nuint ld, float* y)
    {
        if (_forward is not null)
        {
            _forward(z, b, rows, cols, ld, y);
        }
        else
        {
            _forwardOf(z, b, rows, cols, ld, p, y);
        }
    }

    /// <summary>dz = dy ⊙ f′(s), db[c] = Σ_r dz[r][c]; db may be null; dz may be dy or s.</summary>
    public void Backward(float p, float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db)
    {
        if (_backward is not null)
        {
            _backward(dy, s, rows, cols, ld, dz, db);
        }
        else
        {
            _backwardOf(dy, s, rows, cols, ld, p, dz, db);
        }
    }
}
