namespace NativeBackprop.Optimizers;

/// <summary>How the learning rate changes over the steps of training, as a factor on the optimizer's rate.</summary>
/// <remarks>Thread safety: immutable, so that any threads may use it at once.</remarks>
public abstract record LearningRateSchedule
{
    /// <summary>The factor at a step, a finite number of at least 0.</summary>
    /// <param name="step">Number of updates made before, from 0.</param>
    public abstract double Factor(long step);

    /// <summary>The factor, checked; what a user's schedule throws is the inner exception of ours.</summary>
    /// <exception cref="GraphException">The schedule failed.</exception>
    /// <exception cref="OptionException">The factor is negative or not finite.</exception>
    internal double CheckedFactor(long step)
    {
        double factor;
        try
        {
            factor = Factor(step);
        }
        catch (Exception error) when (UserCode.IsForeign(error))
        {
            throw UserCode.Failed($"the schedule {GetType().Name}", error);
        }

        return factor >= 0 && double.IsFinite(factor) ? factor : throw new OptionException(
            $"the schedule {GetType().Name} gave the factor {factor} for step {step}, expected a finite number of at least 0");
    }

    private protected static long RequireSteps(string name, long value) => value >= 1
        ? value
        : throw new OptionException($"{name} must be at least 1 step, got {value}");

    private protected static double RequireFactor(string name, double value) => value is >= 0 and <= 1
        ? value
        : throw new OptionException($"{name} must lie in [0, 1], got {value}");
}

/// <summary>The optimizer's own rate at every step.</summary>
/// <remarks>Thread safety: immutable, so that any threads may use it at once.</remarks>
public sealed record ConstantSchedule : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double Factor(long step) => 1;
}

/// <summary>Multiplies the rate by Decay after every so many steps: Decay^⌊step/Every⌋.</summary>
/// <remarks>Thread safety: immutable, so that any threads may use it at once.</remarks>
/// <param name="Every">Steps between two decays, at least 1.</param>
/// <param name="Decay">In [0, 1].</param>
/// <exception cref="OptionException">A value is outside its domain.</exception>
public sealed record StepSchedule(long Every, double Decay = 0.1) : LearningRateSchedule
{
    /// <summary>Steps between two decays.</summary>
    public long Every { get; } = RequireSteps("a step schedule's interval", Every);

    /// <summary>What each decay multiplies the rate by.</summary>
    public double Decay { get; } = RequireFactor("a step schedule's decay", Decay);

    /// <inheritdoc/>
    public override double Factor(long step) => Math.Pow(Decay, step / Every);
}

/// <summary>
/// Half a cosine from 1 down to Floor over so many steps, and Floor from there on: Floor + (1 − Floor)(1 + cos(π·step/Steps))/2
/// (Loshchilov and Hutter 2017, without restarts).
/// </summary>
/// <remarks>Thread safety: immutable, so that any threads may use it at once.</remarks>
/// <param name="Steps">Length of the descent, at least 1.</param>
/// <param name="Floor">The last factor, in [0, 1].</param>
/// <exception cref="OptionException">A value is outside its domain.</exception>
public sealed record CosineSchedule(long Steps, double Floor = 0) : LearningRateSchedule
{
    /// <summary>Length of the descent.</summary>
    public long Steps { get; } = RequireSteps("a cosine schedule's length", Steps);

    /// <summary>The last factor.</summary>
    public double Floor { get; } = RequireFactor("a cosine schedule's floor", Floor);

    /// <inheritdoc/>
    public override double Factor(long step) =>
        Floor + ((1 - Floor) * 0.5 * (1 + Math.Cos(Math.PI * Math.Min(step, Steps) / Steps)));
}

/// <summary>Rises in equal parts to the full rate, (step + 1)/Steps, and goes on with another schedule, which starts there.</summary>
/// <remarks>Thread safety: immutable, so that any threads may use it at once.</remarks>
/// <param name="Steps">Length of the rise, at least 1.</param>
/// <param name="Then">What follows; a constant rate when null.</param>
/// <exception cref="OptionException">The length is below 1.</exception>
public sealed record WarmUp(long Steps, LearningRateSchedule? Then = null) : LearningRateSchedule
{
    /// <summary>Length of the rise.</summary>
    public long Steps { get; } = RequireSteps("a warm-up's length", Steps);

    /// <inheritdoc/>
    public override double Factor(long step) => step < Steps ? (step + 1.0) / Steps : Then?.CheckedFactor(step - Steps) ?? 1;
}
