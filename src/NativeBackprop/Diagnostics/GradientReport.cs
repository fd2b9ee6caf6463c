namespace NativeBackprop.Diagnostics;

/// <summary>How strict a <see cref="GradientCheck"/> is, and how much of a large leaf it looks at.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record GradientCheckOptions
{
    /// <summary>Largest accepted normwise relative error of the engine's float32 gradient against the double-precision one.</summary>
    public double EngineTolerance { get; init; } = 1e-5;

    /// <summary>Largest accepted normwise relative error of the double-precision gradient against central differences.</summary>
    public double DifferenceTolerance { get; init; } = 1e-6;

    /// <summary>How many elements of each leaf are compared with differences, drawn by the seed if there are more; 0 for all.</summary>
    public int MaxElements { get; init; } = 100;

    /// <summary>Determines which elements are drawn.</summary>
    public ulong Seed { get; init; }

    /// <summary>How many threads run the engine's side; 0 lets the work decide.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>Stops the check, with an <see cref="OperationCanceledException"/>.</summary>
    public CancellationToken CancellationToken { get; init; }

    internal GradientCheckOptions Validated() =>
        !(EngineTolerance > 0) || !(DifferenceTolerance > 0)
            ? throw new OptionException($"the tolerances must be above 0, got {EngineTolerance} and {DifferenceTolerance}")
        : MaxElements < 0 ? throw new OptionException($"the number of elements must be at least 0, got {MaxElements}")
        : this;
}

/// <summary>The three derivatives of the loss with respect to one element of a leaf.</summary>
/// <param name="Position">Row-major position in the leaf.</param>
/// <param name="Analytic">The gradient graph, evaluated in double precision.</param>
/// <param name="Engine">The same graph, computed by the engine's plan in float32.</param>
/// <param name="Difference">The central difference of the loss in double precision.</param>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public readonly record struct GradientElement(int Position, double Analytic, double Engine, double Difference);

/// <summary>What came of one leaf: a parameter or an input.</summary>
/// <param name="Name">The leaf's name.</param>
/// <param name="Shape">Its shape, with the batch size filled in.</param>
/// <param name="Compared">How many elements were compared with differences, kinks left out.</param>
/// <param name="Kinks">
/// How many of the elements looked at stand at a kink (a relu's 0, a tie of a maximum): the one-sided differences do not meet
/// however small the step. There is no derivative there to compare with, so they do not count.
/// </param>
/// <param name="EngineError">Normwise relative error of float32 against double precision.</param>
/// <param name="DifferenceError">Normwise relative error of double precision against differences, over the compared elements.</param>
/// <param name="Worst">The compared element that lies furthest off; null when none was compared.</param>
/// <param name="Passed">True when both errors are within their tolerances.</param>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record LeafReport(
    string Name, Shape Shape, int Compared, int Kinks, double EngineError, double DifferenceError, GradientElement? Worst, bool Passed);

/// <summary>What came of a <see cref="GradientCheck"/>.</summary>
/// <param name="Loss">The loss in double precision.</param>
/// <param name="EngineLoss">The loss as the engine computes it.</param>
/// <param name="LossPassed">True when the engine's loss is within its tolerance, relative to a loss of at least 1.</param>
/// <param name="Leaves">One report a leaf, in the order asked for.</param>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record GradientReport(double Loss, double EngineLoss, bool LossPassed, IReadOnlyList<LeafReport> Leaves)
{
    /// <summary>One report a leaf, in the order asked for.</summary>
    /// <exception cref="ArgumentException">The list or an entry is null.</exception>
    public IReadOnlyList<LeafReport> Leaves { get; } = Leaves?.All(leaf => leaf is not null) == true
        ? [.. Leaves]
        : throw new ArgumentException("a report needs its leaves' reports", nameof(Leaves));

    /// <summary>True when the loss and every leaf are within their tolerances.</summary>
    public bool Passed => LossPassed && Leaves.All(leaf => leaf.Passed);
}
