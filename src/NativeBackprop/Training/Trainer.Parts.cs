namespace NativeBackprop.Training;

public sealed partial class Trainer
{
    /// <summary>
    /// The forward pass alone: computes <see cref="Output"/>. What a training pass changes besides parameters (statistics, streams of
    /// random numbers) is changed once, when it succeeds.
    /// </summary>
    /// <returns>The mean loss, without penalties.</returns>
    /// <inheritdoc cref="Step(ReadOnlySpan{float}, ReadOnlySpan{float})"/>
    public float Forward(ReadOnlySpan<float> inputs, ReadOnlySpan<float> targets)
    {
        using Occupancy.Guard inside = Enter();
        RequireTargets();
        return RunForward(Take(new InputRows(inputs), targets, [], []));
    }

    /// <summary>The forward pass alone, on class labels.</summary>
    /// <returns>The mean loss, without penalties.</returns>
    /// <inheritdoc cref="StepLabels"/>
    public float ForwardLabels(ReadOnlySpan<float> inputs, ReadOnlySpan<int> labels)
    {
        using Occupancy.Guard inside = Enter();
        RequireLabels();
        return RunForward(Take(new InputRows(inputs), [], labels, []));
    }

    /// <summary>The forward pass alone, on named parts.</summary>
    /// <returns>The mean loss, without penalties.</returns>
    /// <inheritdoc cref="Step(Minibatch)"/>
    public float Forward(Minibatch minibatch)
    {
        using Occupancy.Guard inside = Enter();
        return RunForward(Take(minibatch));
    }

    /// <inheritdoc cref="TrainingStep.Backward"/>
    public void Backward(bool accumulate = false)
    {
        using Occupancy.Guard inside = Enter();
        StepOr("Backward needs a Forward of its own").Backward(accumulate);
    }

    /// <inheritdoc cref="TrainingStep.Update"/>
    public void Update()
    {
        using Occupancy.Guard inside = Enter();
        StepOr("Update needs gradients").Update();
    }

    /// <inheritdoc cref="TrainingStep.Gradient"/>
    public ReadOnlySpan<float> Gradient(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        using Occupancy.Guard inside = Enter();
        return StepOr("there are no gradients yet").Gradient(parameter);
    }

    private TrainingStep StepOr(string complaint) =>
        _step ?? throw Refusal.InvalidOperation($"{complaint}: call Forward, Backward, Update in this order");

    private float RunForward(TrainingStep step)
    {
        _ = step.Forward();
        return step.Value(_graph!.Loss);
    }
}
