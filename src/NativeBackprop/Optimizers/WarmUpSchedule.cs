namespace NativeBackprop.Optimizers;

/// <summary>See <see cref="LearningRateSchedule.WarmUp"/>.</summary>
internal sealed record WarmUpSchedule(long Steps, LearningRateSchedule? Then) : LearningRateSchedule
{
    /// <summary>Length of the rise.</summary>
    public long Steps { get; } = RequireSteps("a warm-up's length", Steps);

    /// <inheritdoc/>
    public override double Factor(long step) => step < Steps ? (step + 1.0) / Steps : Then?.CheckedFactor(step - Steps) ?? 1;
}
