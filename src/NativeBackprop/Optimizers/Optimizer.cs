using System.Runtime.CompilerServices;
using NativeBackprop.Ops;

namespace NativeBackprop.Optimizers;

/// <summary>
/// How gradients change parameters. An optimizer adds update nodes to the graph, so that a whole training step is one plan. What it
/// remembers of a parameter (a velocity, moments) belongs to that parameter, whatever it is called and wherever it stands.
/// </summary>
/// <remarks>
/// An optimizer belongs to one trainer or training step until that is disposed of or collected; a second one is refused, unless the
/// optimizer was made with <c>shared: true</c>.
/// <para>
/// Thread safety: as that of its owner. A shared one may serve several owners on several threads, as long as no two of them train the same
/// parameter.
/// </para>
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
    /// <c>0.weight.velocity</c>, and Adam's count of each one's steps, <c>0.weight.step</c>: for a checkpoint to save and restore.
    /// </summary>
    public ParameterSet State => StateOf(_parameters);

    /// <summary>True for a rule that goes by the number of steps a parameter has made.</summary>
    private protected virtual bool CountsSteps => false;

    /// <summary>What the rule remembers of a parameter: names of tensors of its shape.</summary>
    private protected abstract IReadOnlyList<string> Kinds { get; }

    /// <summary>Makes the optimizer that of a trainer or a step, as often as that asks.</summary>
    /// <exception cref="InvalidOperationException">It belongs to another one.</exception>
    internal void Claim(object owner)
    {
        lock (_states)
        {
            if (!_isShared && _owner is not null && _owner.TryGetTarget(out object? other) && other != owner)
            {
                throw Refusal.InvalidOperation(
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

    /// <summary>
    /// What is remembered of some parameters, under names that follow theirs. The names do not tell which parameters share a count, as that
    /// comes from the history of freezing, which whoever loads them need not have had.
    /// </summary>
    internal ParameterSet StateOf(IReadOnlyList<(string Name, Parameter Parameter)> parameters)
    {
        var entries = new List<(string, Parameter)>();
        lock (_states)
        {
            foreach ((string name, Parameter parameter) in parameters)
            {
                if (!_states.TryGetValue(parameter, out OptimizerState? state))
                {
                    continue;
                }

                entries.AddRange(state.Tensors.Select(tensor => ($"{name}.{tensor.Name}", tensor)));
                if (state.Count is { } count)
                {
                    entries.Add(($"{name}.{StepCount.Name}", count.Value));
                }
            }
        }

        return new ParameterSet(entries) { Draft = names => DraftOf(parameters, entries, names) };
    }

    // Whatever the names are of that belong to one of the parameters is to be loaded, also where there is no state yet; a parameter that
    // they say nothing about starts anew, as one does that was frozen so far. Names without any state cannot be those of this optimizer.
    private StateDraft DraftOf(
        IReadOnlyList<(string Name, Parameter Parameter)> parameters, IReadOnlyList<(string, Parameter)> current,
        IReadOnlySet<string> names)
    {
        string[] kinds = [.. Kinds, .. CountsSteps ? [StepCount.Name] : Array.Empty<string>()];
        var named = parameters.Where(entry => kinds.Any(kind => names.Contains($"{entry.Name}.{kind}"))).ToHashSet();
        if (named.Count == 0)
        {
            return new StateDraft(current, static () => { });
        }

        // The first edition has one count for all.
        Parameter? common = CountsSteps && names.Contains(StepCount.Name)
            && !parameters.Any(entry => names.Contains($"{entry.Name}.{StepCount.Name}")) ? Parameter.Counts(StepCount.Name, [1]) : null;
        var entries = new List<(string, Parameter)>();
        var drafts = new List<(Parameter Parameter, OptimizerState State, Parameter? Count)>();
        lock (_states)
        {
            foreach ((string name, Parameter parameter) in parameters.Where(named.Contains))
            {
                OptimizerState state = _states.TryGetValue(parameter, out OptimizerState? known) ? known : NewState(parameter);
                Parameter? count = CountsSteps ? common ?? Parameter.Counts(StepCount.Name, [1]) : null;
                entries.AddRange(state.Tensors.Select(tensor => ($"{name}.{tensor.Name}", tensor)));
                if (count is not null && common is null)
                {
                    entries.Add(($"{name}.{StepCount.Name}", count));
                }

                drafts.Add((parameter, state, count));
            }
        }

        if (common is not null)
        {
            entries.Add((StepCount.Name, common));
        }

        Parameter[] others = [.. parameters.Where(entry => !named.Contains(entry)).Select(entry => entry.Parameter)];
        return new StateDraft(entries, () => Restore(drafts, others));
    }

    private void Restore(
        IReadOnlyList<(Parameter Parameter, OptimizerState State, Parameter? Count)> loaded, IReadOnlyList<Parameter> others)
    {
        lock (_states)
        {
            var numbers = new List<(OptimizerState, float?)>();
            foreach ((Parameter parameter, OptimizerState state, Parameter? count) in loaded)
            {
                _states.AddOrUpdate(parameter, state);
                numbers.Add((state, count?.Span[0]));
            }

            foreach (Parameter parameter in others)
            {
                if (_states.TryGetValue(parameter, out OptimizerState? state))
                {
                    state.Clear();
                    numbers.Add((state, null));
                }
            }

            StepCount.Restore(numbers);
            _countsVersion++;
        }
    }

    /// <summary>Adds the nodes that update the parameters in place, and returns them.</summary>
    /// <param name="parameters">The parameters, each with its gradient's node.</param>
    /// <param name="rate">The learning rate's node, a scalar.</param>
    internal IReadOnlyList<Node> AddUpdates(IReadOnlyList<(Parameter Parameter, Node Gradient)> parameters, Node rate)
    {
        Serve(ParameterSet.WithUniqueNames(parameters.Select(pair => (pair.Parameter.Name, pair.Parameter))));
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
        OptimizerState[] states = [.. parameters.Select(parameter => _states.GetValue(parameter, NewState))];
        if (CountsSteps && StepCount.Assign(states))
        {
            _countsVersion++;
        }

        return states;
    }

    private OptimizerState NewState(Parameter parameter) => new(Kinds, parameter.Shape);

    /// <summary>Checks an option.</summary>
    private protected static float Require(string name, float value, float low, float high) => value >= low && value < high
        ? value
        : throw new OptionException($"{name} must lie in [{low}, {high}), got {value}");
}
