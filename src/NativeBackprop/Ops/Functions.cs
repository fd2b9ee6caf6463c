using static NativeBackprop.Interop.Kernels;

namespace NativeBackprop.Ops;

/// <summary>
/// The table of elementwise functions, a row each. A row in which <see cref="FunctionRow.Op"/> is set is an activation, with a public
/// record in Activations.cs that documents it; the others are reached by functions of <see cref="Node"/>.
/// </summary>
internal static unsafe class Functions
{
    public static readonly FunctionRow Identity = new("identity", SavedOperand.None, &nb_identity_forward_f32, &nb_identity_backward_f32)
    {
        Value = (x, _) => x,
        Derivative = (_, _) => 1,
        Shortcut = (_, dy, _) => dy,
    };

    public static readonly FunctionRow Relu = new("relu", SavedOperand.Output, &nb_relu_forward_f32, &nb_relu_backward_f32)
    {
        Op = _ => new Relu(),
        Value = (x, _) => Math.Max(0, x),
        Derivative = (y, _) => y > 0 ? 1 : 0,
        Kinks = [0],
    };

    public static readonly FunctionRow LeakyRelu = new(
        "leaky_relu", SavedOperand.Input, new("negative_slope", 0.01f, 0.1f), &nb_leaky_relu_forward_f32, &nb_leaky_relu_backward_f32)
    {
        Op = slope => new LeakyRelu(slope),
        Value = (x, slope) => x > 0 ? x : slope * x,
        Derivative = (x, slope) => x > 0 ? 1 : slope,
        Kinks = [0],
    };

    public static readonly FunctionRow Abs = new("abs", SavedOperand.Input, &nb_abs_forward_f32, &nb_abs_backward_f32)
    {
        Op = _ => new Abs(),
        Value = (x, _) => Math.Abs(x),
        Derivative = (x, _) => double.IsNaN(x) ? x : Math.Sign(x),
        Kinks = [0],
    };

    public static readonly FunctionRow Sigmoid = new("sigmoid", SavedOperand.Output, &nb_sigmoid_forward_f32, &nb_sigmoid_backward_f32)
    {
        Op = _ => new Sigmoid(),
        Value = (x, _) => Logistic(x),
        Derivative = (y, _) => y * (1 - y),
        Second = (y, _) => 1 - (2 * y),
    };

    public static readonly FunctionRow Tanh = new("tanh", SavedOperand.Output, &nb_tanh_forward_f32, &nb_tanh_backward_f32)
    {
        Op = _ => new Tanh(),
        Value = (x, _) => Math.Tanh(x),
        Derivative = (y, _) => 1 - (y * y),
        Second = (y, _) => -2 * y,
    };

    public static readonly FunctionRow Cos = new("cos", SavedOperand.Input, &nb_cos_forward_f32, &nb_cos_backward_f32)
    {
        Op = _ => new Cos(),
        Value = (x, _) => Math.Cos(x),
        Derivative = (x, _) => -Math.Sin(x),
        Second = (x, _) => -x.Cos(),
    };

    public static readonly FunctionRow Softplus = new(
        "softplus", SavedOperand.Input, new("beta", 1, 1, 2.5f) { IsPositive = true }, &nb_softplus_forward_f32, &nb_softplus_backward_f32)
    {
        Op = beta => new Softplus(beta),
        Value = (x, beta) => (Math.Max(0, beta * x) + Precise.Log1P(Math.Exp(-Math.Abs(beta * x)))) / beta,
        Derivative = (x, beta) => Logistic(beta * x),
        Second = (x, beta) => beta * Bell((beta * x).Sigmoid()),
    };

    public static readonly FunctionRow Elu = new(
        "elu", SavedOperand.Input, new("alpha", 1, 0.7f), &nb_elu_forward_f32, &nb_elu_backward_f32)
    {
        Op = alpha => new Elu(alpha),
        Value = (x, alpha) => x > 0 ? x : alpha * Precise.ExpM1(x),
        Derivative = (x, alpha) => x > 0 ? 1 : alpha * Math.Exp(x),
        Second = (x, alpha) => alpha * (x - x.Relu()).Exp() * x.Graph.Add(Binary.GreaterEqual, x.Graph.Constant(0), x),
        Kinks = [0],
    };

    // f″ = σ(1 − σ)(2 + x(1 − 2σ))
    public static readonly FunctionRow Silu = new("silu", SavedOperand.Input, &nb_silu_forward_f32, &nb_silu_backward_f32)
    {
        Op = _ => new Silu(),
        Value = (x, _) => x / (1 + Math.Exp(-x)),
        Derivative = (x, _) => Logistic(x) * (1 + (x * Logistic(-x))),
        Second = (x, _) => Bell(x.Sigmoid()) * (2 + (x * (1 - (2 * x.Sigmoid())))),
    };

    public static readonly FunctionRow Gelu = new("gelu", SavedOperand.Input, &nb_gelu_forward_f32, &nb_gelu_backward_f32)
    {
        Op = _ => new Gelu(),
        Value = (x, _) => x * Precise.NormalDistribution(x),
        Derivative = (x, _) => Precise.NormalDistribution(x) + (x * Precise.NormalDensity(x)),
        Second = (x, _) => (0.3989422804f * (-0.5f * x.Square()).Exp()) * (2 - x.Square()),
    };

    public static readonly FunctionRow GeluTanh = new(
        "gelu_tanh", SavedOperand.Input, &nb_gelu_tanh_forward_f32, &nb_gelu_tanh_backward_f32)
    {
        Op = _ => new GeluTanh(),
        Value = (x, _) => 0.5 * x * (1 + Math.Tanh(GeluInner(x))),
        Derivative = (x, _) => GeluSlope(x, Math.Tanh(GeluInner(x))),
        Second = (x, _) => GeluTanhSecond(x),
    };

    public static readonly FunctionRow Exp = new("exp", SavedOperand.Output, &nb_exp_forward_f32, &nb_exp_backward_f32)
    {
        Value = (x, _) => Math.Exp(x),
        Derivative = (y, _) => y,
        Second = (y, _) => y.Graph.Constant(1),
    };

    public static readonly FunctionRow Log = new("log", SavedOperand.Input, &nb_log_forward_f32, &nb_log_backward_f32)
    {
        Domain = _ => "x ≥ 0",
        Value = (x, _) => Math.Log(x),
        Derivative = (x, _) => 1 / x,
        Second = (x, _) => -x.Reciprocal().Square(),
    };

    public static readonly FunctionRow Sqrt = new("sqrt", SavedOperand.Output, &nb_sqrt_forward_f32, &nb_sqrt_backward_f32)
    {
        Domain = _ => "x ≥ 0",
        Value = (x, _) => Math.Sqrt(x),
        Derivative = (y, _) => 0.5 / y,
        Second = (y, _) => -0.5f * y.Reciprocal().Square(),
    };

    // A constant upstream gradient k, as the penalty k·Σw² has, leaves 2k·w: the form that gradient descent folds into its product.
    public static readonly FunctionRow Square = new("square", SavedOperand.Input, &nb_square_forward_f32, &nb_square_backward_f32)
    {
        Value = (x, _) => x * x,
        Derivative = (x, _) => 2 * x,
        Second = (x, _) => x.Graph.Constant(2),
        Shortcut = (y, dy, _) => dy.Op is Fill fill ? 2 * fill.Value * y.Inputs[0] : null,
    };

    public static readonly FunctionRow Reciprocal = new(
        "reciprocal", SavedOperand.Output, &nb_reciprocal_forward_f32, &nb_reciprocal_backward_f32)
    {
        Value = (x, _) => 1 / x,
        Derivative = (y, _) => -y * y,
        Second = (y, _) => -2 * y,
        Avoided = _ => [0],
    };

    public static readonly FunctionRow Power = new(
        "power", SavedOperand.Input, new("exponent", null, 3, 2, 1, 0, -1, -2, 5, 0.5f, -0.5f, 1.7f),
        &nb_power_forward_f32, &nb_power_backward_f32)
    {
        Domain = p => float.IsInteger(p) ? null : $"x ≥ 0 for the exponent {p}",
        Value = Math.Pow,
        Derivative = (x, p) => p == 0 ? 0 : p * Math.Pow(x, p - 1),
        Second = (x, p) => p is 0 or 1 ? null : p * (p - 1) * x.Power(p - 2),
        Avoided = _ => [0],
    };

    public static readonly FunctionRow Sin = new("sin", SavedOperand.Input, &nb_sin_forward_f32, &nb_sin_backward_f32)
    {
        Value = (x, _) => Math.Sin(x),
        Derivative = (x, _) => Math.Cos(x),
        Second = (x, _) => -x.Sin(),
    };

    public static readonly FunctionRow Scale = new(
        "scale", SavedOperand.None, new("factor", null, -1.7f) { IsData = true }, &nb_scale_forward_f32, &nb_scale_backward_f32)
    {
        Value = (x, factor) => factor * x,
        Derivative = (_, factor) => factor,
        Shortcut = (_, dy, factor) => factor * dy,
    };

    public static readonly FunctionRow Shift = new(
        "shift", SavedOperand.None, new("offset", null, 0.3f) { IsData = true }, &nb_shift_forward_f32, &nb_shift_backward_f32)
    {
        Value = (x, offset) => x + offset,
        Derivative = (_, _) => 1,
        Shortcut = (_, dy, _) => dy,
    };

    /// <summary>The loss of one error: x²/2 for |x| ≤ δ, δ(|x| − δ/2) beyond (Huber 1964).</summary>
    public static readonly FunctionRow Huber = new(
        "huber", SavedOperand.Input, new("delta", 1, 0.8f) { IsPositive = true }, &nb_huber_forward_f32, &nb_huber_backward_f32)
    {
        IsNamed = false,
        Value = (x, delta) => Math.Abs(x) <= delta ? 0.5 * x * x : delta * (Math.Abs(x) - (0.5 * delta)),
        Derivative = (x, delta) => Math.Clamp(x, -delta, delta),
        Second = (x, delta) => x.Graph.Add(Binary.GreaterEqual, x.Graph.Constant(delta), x.Abs()),
        Avoided = delta => [-delta, delta],
    };

    /// <summary>Every row.</summary>
    public static IReadOnlyList<FunctionRow> All { get; } =
    [
        Identity, Relu, LeakyRelu, Abs, Sigmoid, Tanh, Cos, Softplus, Elu, Silu, Gelu, GeluTanh,
        Exp, Log, Sqrt, Square, Reciprocal, Power, Sin, Scale, Shift, Huber,
    ];

    /// <summary>The names that need no arguments and accept every number, in alphabetical order: what a network can be made of.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        .. All.Where(row => row is { IsNamed: true, Parameter: null or { Default: not null } } && row.Create(Default(row)).Domain is null)
            .Select(row => row.Name).Order(StringComparer.Ordinal),
    ];

    /// <summary>The row of a name that model files know, or null.</summary>
    public static FunctionRow? Find(string name) => All.FirstOrDefault(row => row.IsNamed && row.Name == name);

    /// <summary>The function of one of the <see cref="Names"/>, with its default argument.</summary>
    /// <exception cref="OptionException">There is none of that name that can do without arguments.</exception>
    public static Elementwise Create(string name) => Names.Contains(name)
        ? Find(name)!.Create(Default(Find(name)!))
        : throw new OptionException($"activation: expected one of {string.Join(", ", Names)}, got '{name}'");

    private static float Default(FunctionRow row) => row.Parameter?.Default ?? 0;

    private static double Logistic(double x) => x >= 0 ? 1 / (1 + Math.Exp(-x)) : Math.Exp(x) / (1 + Math.Exp(x));

    // σ(1 − σ)
    private static Node Bell(Node s) => s * (1 - s);

    private static double GeluInner(double x) => 0.7978845608028654 * (x + (0.044715 * x * x * x));

    private static double GeluSlope(double x, double t) =>
        (0.5 * (1 + t)) + (0.5 * x * (1 - (t * t)) * 0.7978845608028654 * (1 + (0.134145 * x * x)));

    // With t = tanh u(x): f″ = (1 − t²)(u′ + x u″/2 − x t u′²)
    private static Node GeluTanhSecond(Node x)
    {
        const float C = 0.7978845608f;
        Node t = (C * (x + (0.044715f * x.Power(3)))).Tanh(), u = C + (C * 0.134145f * x.Square());
        return (1 - t.Square()) * (u + (C * 0.134145f * x.Square()) - (x * t * u.Square()));
    }
}
