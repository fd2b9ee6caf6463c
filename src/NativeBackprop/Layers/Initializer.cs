namespace NativeBackprop.Layers;

/// <summary>How the initial values of a parameter are drawn.</summary>
/// <remarks>Thread safety: immutable; a source of random numbers is for one thread at a time.</remarks>
public abstract record Initializer
{
    /// <summary>Fills a parameter.</summary>
    /// <param name="values">Receives the values.</param>
    /// <param name="fanIn">How many inputs an output depends on, at least 1.</param>
    /// <param name="fanOut">How many outputs an input acts on, at least 1.</param>
    /// <param name="random">What to draw from.</param>
    /// <exception cref="OptionException">A fan is below 1, or the values are no matrix where one is needed.</exception>
    public void Fill(Span<float> values, int fanIn, int fanOut, RandomSource random)
    {
        ArgumentNullException.ThrowIfNull(random);
        if (fanIn < 1 || fanOut < 1)
        {
            throw new OptionException($"a parameter's fans must be at least 1, got {fanIn} and {fanOut}");
        }

        FillCore(values, fanIn, fanOut, random);
    }

    /// <summary>Fills a parameter; the arguments are checked.</summary>
    /// <inheritdoc cref="Fill"/>
    protected abstract void FillCore(Span<float> values, int fanIn, int fanOut, RandomSource random);

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
    protected override void FillCore(Span<float> values, int fanIn, int fanOut, RandomSource random) => values.Fill(Value);
}

/// <summary>He et al. 2015: a variance of 2/fanIn, which keeps the scale of relu layers; normal, or uniform in ±√(6/fanIn).</summary>
public sealed record HeInitializer(bool IsUniform = false) : Initializer
{
    /// <inheritdoc/>
    protected override void FillCore(Span<float> values, int fanIn, int fanOut, RandomSource random)
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
    protected override void FillCore(Span<float> values, int fanIn, int fanOut, RandomSource random)
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

/// <summary>Uniform in [Low, High).</summary>
/// <exception cref="OptionException">The bounds are not finite, or out of order.</exception>
public sealed record UniformInitializer(float Low, float High) : Initializer
{
    /// <summary>The upper bound.</summary>
    public float High { get; } = float.IsFinite(Low) && float.IsFinite(High) && Low <= High
        ? High
        : throw new OptionException($"a uniform initializer needs finite bounds in order, got {Low} and {High}");

    /// <inheritdoc/>
    protected override void FillCore(Span<float> values, int fanIn, int fanOut, RandomSource random)
    {
        foreach (ref float value in values)
        {
            value = (float)(Low + (((double)High - Low) * random.NextDouble()));
        }
    }
}

/// <summary>Normal with mean 0.</summary>
/// <param name="Deviation">The standard deviation, at least 0: 0.01 for the small random numbers of lecture notes 002.</param>
/// <exception cref="OptionException">The deviation is negative or not finite.</exception>
public sealed record NormalInitializer(float Deviation = 0.01f) : Initializer
{
    /// <summary>The standard deviation.</summary>
    public float Deviation { get; } = Deviation >= 0 && float.IsFinite(Deviation)
        ? Deviation
        : throw new OptionException($"a normal initializer's deviation must be a finite number of at least 0, got {Deviation}");

    /// <inheritdoc/>
    protected override void FillCore(Span<float> values, int fanIn, int fanOut, RandomSource random) => Normal(values, Deviation, random);
}

/// <summary>
/// A random matrix whose shorter side's vectors are orthogonal and of length Gain, so that signals keep their scale through depth
/// (Saxe et al. 2014): normal numbers, made orthogonal by Gram and Schmidt's process in double precision, twice over against rounding.
/// </summary>
/// <param name="Gain">√2 suits relu.</param>
public sealed record OrthogonalInitializer(float Gain = 1) : Initializer
{
    /// <inheritdoc/>
    /// <exception cref="OptionException">The parameter is no matrix [fanIn, fanOut].</exception>
    protected override void FillCore(Span<float> values, int fanIn, int fanOut, RandomSource random)
    {
        if (values.Length != (long)fanIn * fanOut)
        {
            throw new OptionException($"an orthogonal initializer fills a matrix of {fanIn} times {fanOut} values, got {values.Length}");
        }

        int count = Math.Min(fanIn, fanOut), length = Math.Max(fanIn, fanOut);
        var vectors = new double[count][];
        for (int i = 0; i < count; i++)
        {
            vectors[i] = new double[length];
            for (int j = 0; j < length; j++)
            {
                vectors[i][j] = random.NextNormal();
            }

            for (int k = 0; k < 2 * i; k++)
            {
                Subtract(vectors[i], vectors[k % i]);
            }

            double norm = Math.Sqrt(Dot(vectors[i], vectors[i]));
            for (int j = 0; j < length; j++)
            {
                vectors[i][j] /= norm;
                values[fanIn <= fanOut ? (i * fanOut) + j : (j * fanOut) + i] = (float)(Gain * vectors[i][j]);
            }
        }
    }

    private static double Dot(double[] a, double[] b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }

    private static void Subtract(double[] vector, double[] unit)
    {
        double along = Dot(vector, unit);
        for (int i = 0; i < vector.Length; i++)
        {
            vector[i] -= along * unit[i];
        }
    }
}
