namespace NativeBackprop.Layers;

/// <summary>How the initial values of a parameter are drawn: one of the ways below, or a derived record with a way of its own.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once. The source of random numbers that fills is for one thread at a
/// time.</remarks>
public abstract record Initializer
{
    /// <summary>The same value everywhere: 0, or 0.1 for a bias that should start a relu in its active range (lecture notes 002).</summary>
    public static Initializer Constant(float value = 0) => new ConstantInitializer(value);

    /// <summary>A variance of 2/fanIn, which keeps the scale of relu layers (He et al. 2015).</summary>
    /// <param name="uniform">Uniform in ±√(6/fanIn), not normal.</param>
    public static Initializer He(bool uniform = false) => new HeInitializer(uniform);

    /// <summary>A variance of 2/(fanIn + fanOut), for layers that are near linear around 0 (Glorot and Bengio 2010).</summary>
    /// <param name="uniform">Uniform in ±√(6/(fanIn + fanOut)); normal when false.</param>
    public static Initializer Glorot(bool uniform = true) => new GlorotInitializer(uniform);

    /// <summary>Uniform in [low, high).</summary>
    /// <exception cref="OptionException">The bounds are not finite, or out of order.</exception>
    public static Initializer Uniform(float low, float high) => new UniformInitializer(low, high);

    /// <summary>Normal with mean 0.</summary>
    /// <param name="deviation">The standard deviation, at least 0: 0.01 for the small random numbers of lecture notes 002.</param>
    /// <exception cref="OptionException">The deviation is negative or not finite.</exception>
    public static Initializer Normal(float deviation = 0.01f) => new NormalInitializer(deviation);

    /// <summary>
    /// A random matrix [fanIn, fanOut] whose shorter side's vectors are orthogonal and of length gain, so that signals keep their scale
    /// through depth (Saxe et al. 2014). <see cref="Fill"/> refuses a parameter that is no such matrix.
    /// </summary>
    /// <param name="gain">√2 suits relu.</param>
    public static Initializer Orthogonal(float gain = 1) => new OrthogonalInitializer(gain);

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

    private protected static void FillUniform(Span<float> values, double limit, RandomSource random)
    {
        foreach (ref float value in values)
        {
            value = (float)(((2 * random.NextDouble()) - 1) * limit);
        }
    }

    private protected static void FillNormal(Span<float> values, double deviation, RandomSource random)
    {
        foreach (ref float value in values)
        {
            value = (float)(deviation * random.NextNormal());
        }
    }
}
