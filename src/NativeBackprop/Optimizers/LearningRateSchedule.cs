namespace NativeBackprop.Optimizers;

/// <summary>
/// How the learning rate changes over the steps of training, as a factor on the optimizer's rate: one of the ways below, or a derived
/// record with a way of its own.
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public abstract record LearningRateSchedule
{
    /// <summary>The optimizer's own rate at every step: a factor of 1.</summary>
    public static LearningRateSchedule Constant() => new ConstantSchedule();

    /// <summary>Multiplies the rate after every so many steps: decay^⌊step/every⌋.</summary>
    /// <param name="every">Steps between two decays, at least 1.</param>
    /// <param name="decay">What each decay multiplies the rate by, in [0, 1].</param>
    /// <exception cref="OptionException">A value is outside its domain.</exception>
    public static LearningRateSchedule Step(long every, double decay = 0.1) => new StepSchedule(every, decay);

    /// <summary>
    /// Half a cosine from 1 down to a floor over so many steps, and the floor from there on:
    /// floor + (1 − floor)(1 + cos(π·step/steps))/2 (Loshchilov and Hutter 2017, without restarts).
    /// </summary>
    /// <param name="steps">Length of the descent, at least 1.</param>
    /// <param name="floor">The last factor, in [0, 1].</param>
    /// <exception cref="OptionException">A value is outside its domain.</exception>
    public static LearningRateSchedule Cosine(long steps, double floor = 0) => new CosineSchedule(steps, floor);

    /// <summary>Rises in equal parts to the full rate, (step + 1)/steps, and goes on with another schedule, which starts there.</summary>
    /// <param name="steps">Length of the rise, at least 1.</param>
    /// <param name="then">What follows; a constant rate when null.</param>
    /// <exception cref="OptionException">The length is below 1.</exception>
    public static LearningRateSchedule WarmUp(long steps, LearningRateSchedule? then = null) => new WarmUpSchedule(steps, then);

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
