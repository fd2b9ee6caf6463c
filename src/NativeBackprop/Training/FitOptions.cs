namespace NativeBackprop.Training;

/// <summary>How far a <see cref="Trainer"/>'s Fit goes, and from where.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record FitOptions
{
    /// <summary>Passes over the training rows, at least 1; not used when <see cref="Steps"/> is given.</summary>
    public int Epochs { get; init; } = 1;

    /// <summary>
    /// Updates in all, at least 1, instead of a number of epochs. Past the end of an epoch the next one begins; the last
    /// one may stop anywhere, and is reported like the others.
    /// </summary>
    public int? Steps { get; init; }

    /// <summary>
    /// Updates that an earlier run has made already. This run takes up the order of rows there, and counts epochs and
    /// steps (<see cref="Trainer.Steps"/>) from there on.
    /// </summary>
    public long CompletedSteps { get; init; }

    /// <summary>
    /// Told after each update how many have been made, <see cref="CompletedSteps"/> included, on the thread that trains.
    /// </summary>
    public IProgress<long>? StepProgress { get; init; }

    internal FitOptions Validated() =>
        Epochs < 1 ? throw new OptionException($"the number of epochs must be at least 1, got {Epochs}")
        : Steps < 1 ? throw new OptionException($"the number of steps must be at least 1, got {Steps}")
        : CompletedSteps is < 0 or > TrainingStep.MostSteps ? throw new OptionException(
            $"the number of completed steps must lie in 0..{TrainingStep.MostSteps}, got {CompletedSteps}")
        : this;
}
