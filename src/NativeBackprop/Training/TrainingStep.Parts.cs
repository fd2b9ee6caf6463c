namespace NativeBackprop.Training;

public sealed partial class TrainingStep
{
    private readonly PlanCache _halves = new(PlansKept);
    private readonly Parameter _keep = Parameter.Zeros("keep", Shape.Scalar);
    private (Plan Plan, StepUpdates Updates)? _pending;
    private (Plan Plan, StepUpdates Updates)? _fromKept;
    private StepUpdates? _kept;

    /// <summary>
    /// The forward pass alone: the cost and the watched nodes. What a training pass changes besides parameters (statistics, streams of
    /// random numbers) is changed once, when it succeeds.
    /// </summary>
    /// <returns>The cost.</returns>
    /// <inheritdoc cref="Run"/>
    public float Forward()
    {
        using Occupancy.Guard inside = _use.Enter();
        int rows = _inputs.Rows();
        StepUpdates updates = Adapt();
        Plan plan = _halves.Find(rows) ?? _halves.Add(rows, CompileHalves(rows, updates));
        Begin(plan);
        Execute(plan, Part.First);
        _inputs.EndRound();
        (_last, _pending) = (plan, (plan, updates));
        for (int i = 0; i < _read.Length; i++)
        {
            _readVersions[i] = _read[i].Version;
        }

        return plan[_cost].Item;
    }

    /// <summary>
    /// The backward pass of the last <see cref="Forward"/>: <see cref="Gradient"/> of every parameter that is not frozen. Updates
    /// nothing.
    /// </summary>
    /// <param name="accumulate">
    /// True adds the gradients to those that earlier passes have left, if any. Each is the gradient of its own batch's cost, so of a
    /// mean: who wants the mean over all batches divides the learning rate, or the costs.
    /// </param>
    /// <exception cref="InvalidOperationException">
    /// No <see cref="Forward"/> went before that has not been used; or a parameter was set, loaded, restored or trained by another since
    /// that; or parameters were frozen or thawed since the gradients that are to be added to.
    /// </exception>
    /// <exception cref="NonFiniteException">A gradient is NaN or infinite, and the options ask for that check.</exception>
    public void Backward(bool accumulate = false)
    {
        using Occupancy.Guard inside = _use.Enter();
        if (_pending is not var (plan, updates))
        {
            throw Refusal.InvalidOperation("Backward needs a Forward of its own: call Forward, Backward, Update in this order");
        }

        for (int i = 0; i < _read.Length; i++)
        {
            if (_read[i].Version != _readVersions[i])
            {
                throw Refusal.InvalidOperation(
                    $"parameter {_context.NameOf(_read[i])} changed since the Forward: call Forward again");
            }
        }

        if (accumulate && _kept is not null && !_kept.Trains(updates.Trained))
        {
            throw Refusal.InvalidOperation(
                "parameters were frozen or thawed since the last Backward: call Backward without accumulating");
        }

        _keep.Span[0] = accumulate && _kept is not null ? 1 : 0;
        _pending = null;
        Execute(plan, Part.Rest);
        _kept = updates;
    }

    /// <summary>
    /// Updates the parameters by the gradients that <see cref="Backward"/> has left, and counts a step, also where all are frozen.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// There are none, or a <see cref="Forward"/> has found parameters frozen or thawed since: they are of no more use.
    /// </exception>
    /// <exception cref="NonFiniteException">A gradient is NaN or infinite, and the options ask for that check.</exception>
    public void Update()
    {
        using Occupancy.Guard inside = _use.Enter();
        StepUpdates kept = _kept
            ?? throw Refusal.InvalidOperation("Update needs gradients: call Forward, Backward, Update in this order");
        if (_updates?.Trains(kept.Trained) == false)
        {
            throw Refusal.InvalidOperation(
                "parameters were frozen or thawed since the last Backward: call Forward, Backward, Update in this order");
        }

        double factor = ScheduleFactor();

        // The gradients are the same ones whatever counts the parameters have come to go by since.
        StepUpdates updates = _updates is not null && _optimizer.CountsVersion == _countsVersion
            ? _updates
            : UpdatesOf(kept.Trained, out _);
        Node[] nodes = Keep(updates).Updates;
        if (nodes.Length > 0 && _fromKept?.Updates != updates)
        {
            Plan made = Compile(0, nodes, first: []);
            _fromKept?.Plan.Dispose();
            _fromKept = (made, updates);
        }

        SetRates(factor);
        if (nodes.Length > 0)
        {
            Execute(_fromKept!.Value.Plan, Part.All);
        }

        (_kept, _pending) = (null, null);
        Count(updates);
    }

    // One more step has been made.
    private void Count(StepUpdates updates)
    {
        foreach (TrainedParameter trained in updates.Trained)
        {
            trained.Parameter.MarkWritten();
        }

        _steps++;
    }

    private Plan CompileHalves(int rows, StepUpdates updates)
    {
        Node[] first = [_cost, .. _watched, .. _checks, .. _effects];
        return Compile(rows, [.. first, .. updates.GradientChecks, .. Keep(updates).Stores], first);
    }

    /// <summary>
    /// The gradient of a parameter, as <see cref="Backward"/> has left it: before what the options do to it, after what was added up.
    /// It is there until <see cref="Update"/>, <see cref="Run"/> or the next <see cref="Backward"/>, in memory that only
    /// <see cref="Backward"/> writes.
    /// </summary>
    /// <exception cref="InvalidOperationException">There is no gradient now, or the parameter is frozen.</exception>
    /// <exception cref="KeyNotFoundException">The step does not train the parameter.</exception>
    public ReadOnlySpan<float> Gradient(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        using Occupancy.Guard inside = _use.Enter();
        TrainedParameter trained = Array.Find(_parameters, trained => trained.Parameter == parameter)
            ?? throw new KeyNotFoundException($"parameter {parameter} is not among those that the step trains");
        return _kept is null
            ? throw Refusal.InvalidOperation(
                $"{trained.Name} has no gradient now: it is there after Forward and Backward, until Update or another step")
            : _kept.Trained.Contains(trained) ? trained.Kept.Value
            : throw Refusal.InvalidOperation($"{trained.Name} was frozen when Forward was called, and has no gradient: thaw it first");
    }
}
