namespace NativeBackprop.Optimizers;

/// <summary>See <see cref="LearningRateSchedule.Constant"/>.</summary>
internal sealed record ConstantSchedule : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double Factor(long step) => 1;
}
