namespace NativeBackprop.Layers;

/// <summary>How the initial values of a parameter are drawn.</summary>
public abstract record Initializer
{
    /// <summary>Fills a parameter of [fanIn, fanOut] or [fanOut] values.</summary>
    public abstract void Fill(Span<float> values, int fanIn, int fanOut, RandomSource random);

    private protected static void Uniform(Span<float> values, double limit, RandomSource random)
    {
        foreach (ref float value in values)
        {
            value = (float)(((2 * random.NextDouble()) - 1) * limit);
        }
    }

    private protected static void Normal(Span<float> values, double deviation, RandomSource random)
    {
        foreach (ref float value in values)
        {
            value = (float)(deviation * random.NextNormal());
        }
    }
}

/// <summary>The same value everywhere: 0, or 0.1 for a bias that should start a relu in its active range (lecture notes 002).</summary>
public sealed record ConstantInitializer(float Value = 0) : Initializer
{
    /// <inheritdoc/>
    public override void Fill(Span<float> values, int fanIn, int fanOut, RandomSource random) => values.Fill(Value);
}

/// <summary>He et al. 2015: a variance of 2/fanIn, which keeps the scale of relu layers; normal, or uniform in ±√(6/fanIn).</summary>
public sealed record HeInitializer(bool IsUniform = false) : Initializer
{
    /// <inheritdoc/>
    public override void Fill(Span<float> values, int fanIn, int fanOut, RandomSource random)
    {
        if (IsUniform)
        {
            Uniform(values, Math.Sqrt(6.0 / fanIn), random);
        }
        else
        {
            Normal(values, Math.Sqrt(2.0 / fanIn), random);
        }
    }
}

/// <summary>Glorot and Bengio 2010: a variance of 2/(fanIn + fanOut), for layers that are near linear around 0.</summary>
public sealed record GlorotInitializer(bool IsUniform = true) : Initializer
{
    /// <inheritdoc/>
    public override void Fill(Span<float> values, int fanIn, int fanOut, RandomSource random)
    {
        if (IsUniform)
        {
            Uniform(values, Math.Sqrt(6.0 / (fanIn + fanOut)), random);
        }
        else
        {
            Normal(values, Math.Sqrt(2.0 / (fanIn + fanOut)), random);
        }
    }
}
