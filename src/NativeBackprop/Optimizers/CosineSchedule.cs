namespace NativeBackprop.Optimizers;

/// <summary>See <see cref="LearningRateSchedule.Cosine"/>.</summary>
internal sealed record CosineSchedule(long Steps, double Floor) : LearningRateSchedule
{
    /// <summary>Length of the descent.</summary>
    public long Steps { get; } = RequireSteps("a cosine schedule's length", Steps);

    /// <summary>The last factor.</summary>
    public double Floor { get; } = RequireFactor("a cosine schedule's floor", Floor);

    /// <inheritdoc/>
    public override double Factor(long step) =>
        Floor + ((1 - Floor) * 0.5 * (1 + PortableMath.CosPi((double)Math.Min(step, Steps) / Steps)));
}
