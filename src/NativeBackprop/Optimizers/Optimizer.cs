using System.Runtime.CompilerServices;
using NativeBackprop.Ops;

namespace NativeBackprop.Optimizers;

/// <summary>
/// How gradients change parameters. An optimizer adds update nodes to the graph, so that a whole training step is one plan. What it
/// remembers of a parameter (a velocity, moments) belongs to that parameter, whatever it is called and wherever it stands.
/// </summary>
/// <remarks>
/// An optimizer belongs to one trainer or training step until that is disposed of or collected; a second one is refused, unless the
/// optimizer was made with <c>shared: true</c>. Thread safety: as that of its owner; a shared one may serve several owners on several
/// threads, as long as no two of them train the same parameter.
/// </remarks>
public abstract class Optimizer
{
    private readonly ConditionalWeakTable<Parameter, OptimizerState> _states = [];
    private readonly bool _isShared;
    private IReadOnlyList<(string Name, Parameter Parameter)> _parameters = [];
    private WeakReference<object>? _owner;
    private float _learningRate;
    private int _countsVersion;

    /// <param name="learningRate">η, above 0.</param>
    /// <param name="shared">True lets several owners use the optimizer at once.</param>
    /// <exception cref="OptionException">The learning rate is not a finite number above 0.</exception>
    private protected Optimizer(float learningRate, bool shared) => (LearningRate, _isShared) = (learningRate, shared);

    /// <summary>η; may be changed between steps.</summary>
    /// <exception cref="OptionException">The value is not a finite number above 0.</exception>
    public float LearningRate
    {
        get => _learningRate;
        set => _learningRate = value > 0 && float.IsFinite(value)
            ? value
            : throw new OptionException($"the learning rate must be a finite number above 0, got {value}");
    }

    /// <summary>
    /// What is remembered of the parameters of the owner that was made last, one tensor for each parameter and kind, named
    /// <c>0.weight.velocity</c>, and what they share, such as Adam's count <c>step</c>: for a checkpoint to save and restore.
    /// </summary>
    public ParameterSet State => StateOf(_parameters);

    /// <summary>True for a rule that goes by the number of steps a parameter has made.</summary>
    private protected virtual bool CountsSteps => false;

    /// <summary>Makes the optimizer that of a trainer or a step, as often as that asks.</summary>
    /// <exception cref="InvalidOperationException">It belongs to another one.</exception>
    internal void Claim(object owner)
    {
        lock (_states)
        {
            if (!_isShared && _owner is not null && _owner.TryGetTarget(out object? other) && other != owner)
            {
                throw new InvalidOperationException(
                    $"the optimizer belongs to another {other.GetType().Name}: dispose of that one first, make an optimizer for each, " +
                    "or make this one with shared: true");
            }

            _owner = new WeakReference<object>(owner);
        }
    }

    /// <summary>Gives the optimizer back, if it is still this owner's.</summary>
    internal void Release(object owner)
    {
        lock (_states)
        {
            _owner = _owner is not null && _owner.TryGetTarget(out object? current) && current == owner ? null : _owner;
        }
    }

    /// <summary>Says whose state <see cref="State"/> lists, by name.</summary>
    internal void Serve(IReadOnlyList<(string Name, Parameter Parameter)> parameters) => _parameters = parameters;

    /// <summary>What is remembered of some parameters, under names that follow theirs.</summary>
    internal ParameterSet StateOf(IEnumerable<(string Name, Parameter Parameter)> parameters)
    {
        var entries = new List<(string, Parameter)>();
        var counts = new HashSet<StepCount>();
        lock (_states)
        {
            foreach ((string name, Parameter parameter) in parameters)
            {
                if (!_states.TryGetValue(parameter, out OptimizerState? state))
                {
                    continue;
                }

                entries.AddRange(state.Tensors.Select(tensor => ($"{name}.{tensor.Name}", tensor)));
                if (state.Count is { } count && counts.Add(count))
                {
                    entries.Add((counts.Count == 1 ? StepCount.Name : $"{name}.{StepCount.Name}", count.Value));
                }
            }
        }

        return new ParameterSet(entries);
    }

    /// <summary>Adds the nodes that update the parameters in place, and returns them.</summary>
    /// <param name="parameters">The parameters, each with its gradient's node.</param>
    /// <param name="rate">The learning rate's node, a scalar.</param>
    internal IReadOnlyList<Node> AddUpdates(IReadOnlyList<(Parameter Parameter, Node Gradient)> parameters, Node rate)
    {
        Serve([.. parameters.Select(pair => (pair.Parameter.Name, pair.Parameter))]);
        return AddUpdates([.. parameters.Select(pair => new UpdateTarget(pair.Parameter, pair.Gradient, rate, null))]);
    }

    /// <summary>Adds the nodes that update the parameters in place, and returns them; a parameter that is new gets its state.</summary>
    internal IReadOnlyList<Node> AddUpdates(IReadOnlyList<UpdateTarget> targets)
    {
        lock (_states)
        {
            OptimizerState[] states = StatesOf(targets.Select(target => target.Parameter));
            if (!CountsSteps)
            {
                return [.. targets.Select((target, i) => AddUpdate(target, states[i], null))];
            }

            // A count is a write: one node for all that share it, or they would count one step several times.
            var counters = new Dictionary<StepCount, Node>();
            foreach ((UpdateTarget target, OptimizerState state) in targets.Zip(states))
            {
                if (!counters.ContainsKey(state.Count!))
                {
                    counters.Add(state.Count!, target.Graph.Add(new Counter(), target.Graph.Variable(state.Count!.Value)));
                }
            }

            return [.. targets.Select((target, i) => AddUpdate(target, states[i], counters[states[i].Count!]))];
        }
    }

    /// <summary>Changes when any parameter begins to go by another count than before, whichever owner asked for that.</summary>
    internal int CountsVersion => Volatile.Read(ref _countsVersion);

    /// <summary>
    /// Which count each of some parameters goes by that are to be updated together from now on; none where the rule does not count.
    /// Updates that were added while they went by others are of no more use.
    /// </summary>
    /// <param name="parameters">The parameters.</param>
    /// <param name="version">The <see cref="CountsVersion"/> as of which this holds.</param>
    internal IReadOnlyList<StepCount> CountsOf(IEnumerable<Parameter> parameters, out int version)
    {
        lock (_states)
        {
            IReadOnlyList<StepCount> counts = CountsSteps ? [.. StatesOf(parameters).Select(state => state.Count!)] : [];
            version = _countsVersion;
            return counts;
        }
    }

    /// <summary>Adds the update of one parameter.</summary>
    /// <param name="target">The parameter and what changes it.</param>
    /// <param name="state">What is remembered of it.</param>
    /// <param name="step">The number of this step, [1], for a rule that counts.</param>
    private protected abstract Node AddUpdate(UpdateTarget target, OptimizerState state, Node? step);

    private OptimizerState[] StatesOf(IEnumerable<Parameter> parameters)
    {
        OptimizerState[] states = [.. parameters.Select(parameter => _states.GetValue(parameter, static _ => new OptimizerState()))];
        if (CountsSteps && StepCount.Assign(states))
        {
            _countsVersion++;
        }

        return states;
    }

    /// <summary>Checks an option.</summary>
    private protected static float Require(string name, float value, float low, float high) => value >= low && value < high
        ? value
        : throw new OptionException($"{name} must lie in [{low}, {high}), got {value}");
}
