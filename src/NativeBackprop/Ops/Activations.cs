namespace NativeBackprop.Ops;

// The elementwise functions that networks are made of, as one writes them: new Sequential(new Linear(2, 8), new Relu()). What each
// computes is its row of the table, Functions.cs. A second derivative at a kink is that of the side the subgradient is from.

/// <summary>
/// y = max(0, x). The subgradient at 0 is 0, the derivative from the left; the second derivative is 0 (lecture notes 002).
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record Relu() : Elementwise(Functions.Relu);

/// <summary>
/// y = max(0, x) + slope·min(0, x); the subgradient at 0 is the negative slope (lecture notes 002, relu generalizations).
/// </summary>
/// <param name="NegativeSlope">The slope below 0, a finite number.</param>
/// <exception cref="OptionException">The slope is not finite.</exception>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record LeakyRelu(float NegativeSlope = 0.01f) : Elementwise(Functions.LeakyRelu, NegativeSlope)
{
    /// <summary>The slope below 0.</summary>
    public float NegativeSlope => Parameter;
}

/// <summary>y = |x|, absolute value rectification; the subgradient at 0 is 0, as PyTorch's (lecture notes 002).</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record Abs() : Elementwise(Functions.Abs);

/// <summary>y = σ(x) = 1 / (1 + exp(−x)); f′ = y(1 − y) (lecture notes 001).</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record Sigmoid() : Elementwise(Functions.Sigmoid);

/// <summary>y = tanh(x) = 2σ(2x) − 1; f′ = 1 − y² (lecture notes 002).</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record Tanh() : Elementwise(Functions.Tanh);

/// <summary>y = cos(x), which trains on MNIST as a hidden unit too (lecture notes 002); f′ = −sin(x).</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record Cos() : Elementwise(Functions.Cos);

/// <summary>
/// y = ζ(βx)/β = log(1 + exp(βx))/β, a smooth relu; f′ = σ(βx) (Deep Learning, chapter 6). Exact for every x, also where βx
/// overflows.
/// </summary>
/// <param name="Beta">β, a finite number above 0.</param>
/// <exception cref="OptionException">β is not.</exception>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record Softplus(float Beta = 1) : Elementwise(Functions.Softplus, Beta)
{
    /// <summary>β.</summary>
    public float Beta => Parameter;
}

/// <summary>
/// y = x for x > 0, else α(exp(x) − 1); the subgradient at 0 is α, from the left (Clevert, Unterthiner and Hochreiter 2016).
/// </summary>
/// <param name="Alpha">α, a finite number.</param>
/// <exception cref="OptionException">α is not finite.</exception>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record Elu(float Alpha = 1) : Elementwise(Functions.Elu, Alpha)
{
    /// <summary>α.</summary>
    public float Alpha => Parameter;
}

/// <summary>y = x·σ(x) (Elfwing, Uchibe and Doya 2018); f′ = σ(1 + x(1 − σ)).</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record Silu() : Elementwise(Functions.Silu);

/// <summary>y = x·Φ(x) with the normal distribution function Φ (Hendrycks and Gimpel 2016); f′ = Φ + xφ.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record Gelu() : Elementwise(Functions.Gelu);

/// <summary>y = x/2·(1 + tanh(√(2/π)(x + 0.044715x³))), the approximation of gelu by a tanh (Hendrycks and Gimpel 2016).</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record GeluTanh() : Elementwise(Functions.GeluTanh);
