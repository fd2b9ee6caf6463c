namespace NativeBackprop.Optimizers;

/// <summary>See <see cref="LearningRateSchedule.Step"/>.</summary>
internal sealed record StepSchedule(long Every, double Decay) : LearningRateSchedule
{
    /// <summary>Steps between two decays.</summary>
    public long Every { get; } = RequireSteps("a step schedule's interval", Every);

    /// <summary>What each decay multiplies the rate by.</summary>
    public double Decay { get; } = RequireFactor("a step schedule's decay", Decay);

    /// <inheritdoc/>
    public override double Factor(long step) => PortableMath.Power(Decay, step / Every);
}
