using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Optimizers;

namespace NativeBackprop.Training;

/// <summary>
/// Trains a model: whole runs with <see cref="Fit(Data.Dataset, Data.Dataset, int, IProgress{EpochReport}, CancellationToken)"/>, single
/// steps with <see cref="Step(ReadOnlySpan{float}, ReadOnlySpan{float})"/> and <see cref="StepLabels"/>, or the parts of a step:
/// <see cref="Forward(ReadOnlySpan{float}, ReadOnlySpan{float})"/>, <see cref="Backward"/>, <see cref="Update"/>. The first step of each
/// batch size makes a plan, of which a few are kept; later ones allocate nothing.
/// </summary>
/// <remarks>
/// <para>A step that throws has changed nothing: no parameter, no optimizer's state, no statistics, no stream of random numbers, no
/// count. A step drops a Forward and gradients that wait for more.</para>
/// <para>A parameter that is frozen has no gradient, no update and no optimizer's state. Freezing and thawing take effect at the next
/// step or Forward, whose plans are made anew.</para>
/// <para>Thread safety: for one thread at a time; a second one is refused. Several trainers of different models may work at
/// once.</para>
/// </remarks>
public sealed partial class Trainer : IDisposable
{
    private readonly Occupancy _use = new("trainer");
    private readonly Layer _model;
    private readonly Loss _loss;
    private readonly string _lossName;
    private readonly bool _byClass;
    private readonly Optimizer _optimizer;
    private readonly TrainerOptions _options;
    private TrainingGraph? _graph;
    private TrainingStep? _step;
    private FillInput? _fill;
    private Evaluator? _evaluator;
    private long _steps;

    /// <summary>
    /// Makes a trainer. Parameters that were neither drawn nor set nor loaded are drawn with <see cref="TrainerOptions.Seed"/>.
    /// </summary>
    /// <param name="model">What is trained.</param>
    /// <param name="loss">What its outputs cost.</param>
    /// <param name="optimizer">How it is trained; it belongs to this trainer until that is disposed of.</param>
    /// <param name="options">How the trainer works.</param>
    /// <exception cref="OptionException">An option is outside its domain.</exception>
    /// <exception cref="InvalidOperationException">The optimizer belongs to another trainer or step.</exception>
    public Trainer(Layer model, Loss loss, Optimizer optimizer, TrainerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(loss);
        ArgumentNullException.ThrowIfNull(optimizer);
        (_model, _loss, _optimizer) = (model, loss, optimizer);
        _options = (options ?? new TrainerOptions()).Validated();
        (_lossName, _byClass) = UserCode.Call($"the loss {loss.GetType().Name}", static loss => (loss.Name, loss.IsClassifier), loss);
        IReadOnlyList<(string, Parameter)> parameters = TrainingStep.Named(model.Parameters);
        _ = ParameterGroup.Assign(_options.Groups, parameters);
        optimizer.Claim(this);
        try
        {
            optimizer.Serve(parameters);
            model.Initialize(_options.Seed);
        }
        catch
        {
            optimizer.Release(this);
            throw;
        }
    }

    /// <summary>The output of the last step or forward pass, [B, K].</summary>
    /// <exception cref="InvalidOperationException">None has succeeded.</exception>
    public Tensor Output
    {
        get
        {
            using Occupancy.Guard inside = Enter();
            return _step is null
                ? throw Refusal.InvalidOperation("there is no output yet: call Step, or Forward, first")
                : _step[_graph!.Output];
        }
    }

    /// <summary>
    /// Updates made so far, by which the schedule goes; a run that is taken up again sets it to where the last one stopped.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative or above 2^53.</exception>
    /// <exception cref="ObjectDisposedException">The trainer has been disposed of.</exception>
    public long Steps
    {
        get
        {
            _use.ThrowIfDisposed();
            return _step?.Steps ?? _steps;
        }

        set
        {
            TrainingStep.RequireSteps(value);
            using Occupancy.Guard inside = Enter();
            _steps = value;
            _step?.Steps = value;
        }
    }

    /// <summary>How many threads ran the last step; 0 before the first.</summary>
    /// <exception cref="ObjectDisposedException">The trainer has been disposed of.</exception>
    public int Threads
    {
        get
        {
            _use.ThrowIfDisposed();
            return _step?.Threads ?? 0;
        }
    }

    /// <summary>
    /// What training goes by besides the model's parameters and buffers, for a checkpoint; there is none before the first step or
    /// <see cref="Prepare"/>.
    /// </summary>
    public ParameterSet State
    {
        get
        {
            using Occupancy.Guard inside = Enter();
            return _step?.State ?? new ParameterSet([]);
        }
    }

    /// <summary>One step on a minibatch of numbers as targets: forward, backward, update.</summary>
    /// <param name="inputs">B rows of the model's input, finite.</param>
    /// <param name="targets">B rows of targets, finite.</param>
    /// <returns>The mean loss before the update, without penalties.</returns>
    /// <exception cref="ShapeException">The lengths do not fit.</exception>
    /// <exception cref="DataException">A number is NaN or infinite, or the loss takes labels.</exception>
    /// <exception cref="NonFiniteException">The cost is NaN or infinite; nothing has changed.</exception>
    /// <exception cref="GraphException">An op met a value outside its domain, or a user's code failed; nothing has changed.</exception>
    public float Step(ReadOnlySpan<float> inputs, ReadOnlySpan<float> targets)
    {
        using Occupancy.Guard inside = Enter();
        RequireTargets();
        return RunStep(Take(new InputRows(inputs), targets, [], []));
    }

    /// <summary>One step on a minibatch of class labels.</summary>
    /// <param name="inputs">B rows of the model's input, finite.</param>
    /// <param name="labels">B class indices.</param>
    /// <exception cref="DataException">An input is NaN or infinite, a label is out of range, or the loss takes numbers.</exception>
    /// <inheritdoc cref="Step(ReadOnlySpan{float}, ReadOnlySpan{float})"/>
    public float StepLabels(ReadOnlySpan<float> inputs, ReadOnlySpan<int> labels)
    {
        using Occupancy.Guard inside = Enter();
        RequireLabels();
        return RunStep(Take(new InputRows(inputs), [], labels, []));
    }

    /// <summary>One step on a minibatch of named parts.</summary>
    /// <exception cref="DataException">
    /// A number is NaN or infinite, a label is out of range, or the minibatch has a part that model or loss do not take.
    /// </exception>
    /// <inheritdoc cref="Step(ReadOnlySpan{float}, ReadOnlySpan{float})"/>
    public float Step(Minibatch minibatch)
    {
        using Occupancy.Guard inside = Enter();
        return RunStep(Take(minibatch));
    }

    /// <summary>
    /// Makes the graph without running it, so that <see cref="State"/> is there before the first step: for a checkpoint to be read into.
    /// </summary>
    /// <param name="inputWidth">Width of an input row, for a model that takes any.</param>
    /// <exception cref="ShapeException">The model does not fit the width, or the loss does not fit the model.</exception>
    public void Prepare(int inputWidth)
    {
        using Occupancy.Guard inside = Enter();
        StepFor(GraphFor(inputWidth));
    }

    /// <summary>Stops the trainer's threads, and gives the optimizer back. Waits for a run on another thread.</summary>
    /// <exception cref="InvalidOperationException">Called from inside a step.</exception>
    public void Dispose()
    {
        if (_use.Dispose())
        {
            _evaluator?.DropPlans();
            _step?.Dispose();
            _optimizer.Release(this);
        }
    }

    private float RunStep(TrainingStep step)
    {
        float cost = step.Run();
        return _graph!.Loss == _graph.Cost ? cost : step.Value(_graph.Loss);
    }
}
