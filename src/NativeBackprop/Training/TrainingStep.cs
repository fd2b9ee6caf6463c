using System.Runtime.InteropServices;
using NativeBackprop.Layers;
using NativeBackprop.Optimizers;

namespace NativeBackprop.Training;

/// <summary>
/// One step of training on any graph: any inputs, any scalar cost, the parameters that it depends on. <see cref="Run"/> computes the cost,
/// its gradients and the updates as one plan; <see cref="Forward"/>, <see cref="Backward"/> and <see cref="Update"/> are its parts.
/// The first step of each batch size makes a plan, of which a few are kept; later ones allocate nothing.
/// </summary>
/// <remarks>
/// <para>A step that throws has changed nothing: no parameter, no optimizer's state, no statistics, no stream of random numbers,
/// no count.</para>
/// <para>A parameter that is frozen has no gradient, no update and no state. Freezing and thawing take effect at the next
/// <see cref="Run"/> or <see cref="Forward"/>, whose plans are made anew.</para>
/// <para>Thread safety: for one thread at a time; a second one is refused. Several steps on different parameters may run at once.</para>
/// </remarks>
public sealed partial class TrainingStep : IDisposable
{
    // Plans for so many batch sizes are kept, of each kind.
    internal const int PlansKept = 8;

    // Updates of so many choices of frozen parameters are kept in the graph.
    internal const int ChoicesKept = 8;

    // Beyond it a schedule could not tell one step from the next.
    internal const long MostSteps = 1L << 53;

    private readonly Occupancy _use = new("training step");
    private readonly BuildContext _context;
    private readonly Optimizer _optimizer;
    private readonly TrainingStepOptions _options;
    private readonly object _owner;
    private readonly IReadOnlyList<Node> _segmentEnds;
    private readonly Node[] _effects;
    private readonly TrainedParameter[] _parameters;
    private readonly (Parameter Rate, float Factor)[] _rates;
    private readonly bool[] _frozen;
    private readonly StepInputs _inputs = new();
    private readonly List<Node> _watched = [];
    private readonly List<StepUpdates> _known = [];
    private readonly object _loose = new();
    private readonly PlanCache _plans = new(PlansKept);
    private StepUpdates? _updates;
    private Node _cost;
    private Node[] _checks = [];
    private Parameter[] _read = [];
    private int[] _readVersions = [];
    private int _firstUpdate;
    private int _countsVersion;
    private ThreadTeam? _team;
    private Plan? _last;
    private long _steps;
    private int _threads;

    /// <summary>
    /// Adds gradients and updates to the cost's graph, and makes the optimizer's state. Parameters that have no values yet draw them with
    /// the context's seed.
    /// </summary>
    /// <param name="context">What the cost was built with; its effects are part of the step.</param>
    /// <param name="cost">The scalar to minimise.</param>
    /// <param name="parameters">What to train; the cost must depend on each. One that is given twice counts once.</param>
    /// <param name="optimizer">How; it belongs to this step until that is disposed of.</param>
    /// <param name="options">How the step works.</param>
    /// <exception cref="GraphException">The cost is not a scalar of the context's graph, or does not depend on a parameter.</exception>
    /// <exception cref="OptionException">An option is outside its domain.</exception>
    /// <exception cref="InvalidOperationException">
    /// The optimizer belongs to another owner, or a parameter has no values and no rule for them.
    /// </exception>
    public TrainingStep(
        BuildContext context, Node cost, IEnumerable<Parameter> parameters, Optimizer optimizer, TrainingStepOptions? options = null)
        : this(context, cost, Named(context, parameters), optimizer, options ?? new TrainingStepOptions(), null, [])
    {
    }

    internal TrainingStep(
        BuildContext context, Node cost, IReadOnlyList<(string Name, Parameter Parameter)> parameters, Optimizer optimizer,
        TrainingStepOptions options, object? owner, IReadOnlyList<Node> segmentEnds)
    {
        ArgumentNullException.ThrowIfNull(cost);
        ArgumentNullException.ThrowIfNull(optimizer);
        options = options.Validated();
        (_context, _cost, _optimizer, _options, _segmentEnds) = (context, cost, optimizer, options, segmentEnds);
        (_owner, _effects) = (owner ?? this, [.. context.Effects]);
        RequireCost(context.Graph, cost, parameters);
        int[] groups = ParameterGroup.Assign(options.Groups, parameters);
        _rates =
        [
            (Parameter.Zeros("learning_rate", Shape.Scalar), 1),
            .. options.Groups.Select((group, i) => (Parameter.Zeros($"learning_rate.{i}", Shape.Scalar), group.LearningRateFactor)),
        ];
        float? DecayOf(int group) => group < 0 ? null : options.Groups[group].WeightDecay;
        _parameters =
        [
            .. parameters.Select((entry, i) =>
                new TrainedParameter(entry.Name, entry.Parameter, _rates[groups[i] + 1].Rate, DecayOf(groups[i]))),
        ];
        _frozen = new bool[_parameters.Length];
        optimizer.Claim(_owner);
        try
        {
            using Graph.Building building = context.Graph.Begin();
            Minimise(cost);
            Adapt();
            context.Draw(parameters);
            optimizer.Serve(parameters);
            building.Complete();
        }
        catch
        {
            // A trainer keeps its optimizer: it may make another step.
            if (_owner == this)
            {
                optimizer.Release(this);
            }

            throw;
        }
    }

    /// <summary>
    /// Updates made so far, by which the schedule goes; a run that is taken up again sets it to where the last one stopped.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative or above 2^53.</exception>
    /// <exception cref="ObjectDisposedException">The step has been disposed of.</exception>
    public long Steps
    {
        get
        {
            _use.ThrowIfDisposed();
            return _steps;
        }

        set
        {
            RequireSteps(value);
            using Occupancy.Guard inside = _use.Enter();
            _steps = value;
        }
    }

    /// <summary>How many threads ran the last plan; 0 before the first.</summary>
    /// <exception cref="ObjectDisposedException">The step has been disposed of.</exception>
    public int Threads
    {
        get
        {
            _use.ThrowIfDisposed();
            return _threads;
        }
    }

    /// <summary>
    /// What a step goes by besides the parameters and buffers: the optimizer's state, as <c>optimizer.0.weight.velocity</c>, and the
    /// context's, such as the count that streams of random numbers draw from.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The step has been disposed of.</exception>
    public ParameterSet State
    {
        get
        {
            const string prefix = "optimizer.";
            _use.ThrowIfDisposed();
            ParameterSet own = _optimizer.StateOf([.. _parameters.Select(parameter => (parameter.Name, parameter.Parameter))]);
            (string, Parameter)[] context = [.. _context.State.Entries.Select(entry => ($"context.{entry.Name}", entry.Parameter))];
            return new ParameterSet(With(own.Entries)) { Draft = Draft };

            IReadOnlyList<(string, Parameter)> With(IReadOnlyList<(string Name, Parameter Parameter)> entries) =>
                [.. entries.Select(entry => (prefix + entry.Name, entry.Parameter)), .. context];

            StateDraft Draft(IReadOnlySet<string> names)
            {
                StateDraft draft = own.Draft!(names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
                    .Select(name => name[prefix.Length..]).ToHashSet());
                return draft with { Entries = With(draft.Entries) };
            }
        }
    }

    /// <summary>The cost or a watched node, as the last <see cref="Run"/> or <see cref="Forward"/> computed it.</summary>
    /// <exception cref="InvalidOperationException">
    /// None has succeeded since the step was made or changed; or the node is an input that has been bound anew since.
    /// </exception>
    /// <exception cref="GraphException">The node is neither the cost nor watched.</exception>
    public Tensor this[Node node]
    {
        get
        {
            ArgumentNullException.ThrowIfNull(node);
            using Occupancy.Guard inside = _use.Enter();
            if (node != _cost && !_watched.Contains(node))
            {
                throw new GraphException($"{node} is neither the cost nor watched: call Watch before a run");
            }

            Plan last = _last ?? throw Refusal.InvalidOperation($"{node} has no value yet: call Run, or Forward, first");
            return !_inputs.IsFresh(node) ? last[node] : throw Refusal.InvalidOperation(
                $"{node} shows an input that has been bound since the last run: call Run, or Forward, first");
        }
    }

    /// <summary>
    /// Computes some more nodes at every run, to be read by <see cref="this[Node]"/>. Plans are made anew. What they read of the parameters
    /// is what the cost reads, the values before the update of that run; a parameter itself, watched, shows what it holds after the run.
    /// </summary>
    /// <exception cref="GraphException">
    /// A node belongs to another graph, or was built after the step and reads what the step updates.
    /// </exception>
    public TrainingStep Watch(params ReadOnlySpan<Node> nodes)
    {
        using Occupancy.Guard inside = _use.Enter();
        Node[] added = nodes.ToArray();
        _inputs.Require(_context.Graph, added);
        foreach (Node node in added)
        {
            if (_context.Graph.ReadAfterWrite(node, _firstUpdate) is { } variable)
            {
                throw new GraphException(
                    $"{node} was built after the step, and reads {variable}, which the step updates: build it before the step is made");
            }
        }

        Array.ForEach(added, _context.Graph.Keep);
        _watched.AddRange(added.Distinct().Except(_watched));
        DropPlans();
        return this;
    }

    /// <summary>Sets an input of numbers. Drops a <see cref="Forward"/> whose <see cref="Backward"/> has not been run.</summary>
    /// <param name="input">The input; the first one with a batch that is bound after a run gives the batch size of the next.</param>
    /// <param name="values">Its values, which are copied.</param>
    /// <exception cref="ShapeException">The number of values does not fit the input, or the inputs bound before it.</exception>
    /// <exception cref="DataException">A value is NaN or infinite.</exception>
    /// <exception cref="GraphException">The step does not read the node, or it takes class indices.</exception>
    public TrainingStep Bind(Node input, ReadOnlySpan<float> values)
    {
        using Occupancy.Guard inside = _use.Enter();
        StepInput target = _inputs.Of(input, ElementType.Float32);
        int rows = _inputs.RowsOf(target, values.Length);
        Plan.CheckFinite(input, values);
        values.CopyTo(Fill(target, values.Length, rows));
        return this;
    }

    /// <summary>Sets a scalar input.</summary>
    /// <inheritdoc cref="Bind(Node, ReadOnlySpan{float})"/>
    public TrainingStep Bind(Node input, float value) => Bind(input, [value]);

    /// <summary>Sets an input of class indices.</summary>
    /// <inheritdoc cref="Bind(Node, ReadOnlySpan{float})"/>
    /// <exception cref="DataException">An index lies outside the classes.</exception>
    public TrainingStep BindLabels(Node input, ReadOnlySpan<int> labels)
    {
        using Occupancy.Guard inside = _use.Enter();
        StepInput target = _inputs.Of(input, ElementType.Int32);
        int rows = _inputs.RowsOf(target, labels.Length);
        Plan.CheckLabels(input, labels);
        Plan.CopyLabels(input, labels, MemoryMarshal.Cast<float, int>(Fill(target, labels.Length, rows)));
        return this;
    }

    /// <summary>Forward, backward, update. Drops gradients and a <see cref="Forward"/> that wait for more.</summary>
    /// <returns>The cost before the update.</returns>
    /// <exception cref="InvalidOperationException">An input is not bound, or not for this batch size.</exception>
    /// <exception cref="NonFiniteException">The cost is NaN or infinite; nothing has changed.</exception>
    /// <exception cref="GraphException">An op met a value outside its domain, or a user's code failed; nothing has changed.</exception>
    public float Run()
    {
        using Occupancy.Guard inside = _use.Enter();
        int rows = _inputs.Rows();
        double factor = ScheduleFactor();
        StepUpdates updates = Adapt();
        Plan plan = _plans.Find(rows) ?? _plans.Add(rows, Compile(
            rows, [_cost, .. _watched, .. _checks, .. updates.GradientChecks, .. updates.Updates, .. _effects], first: []));
        SetRates(factor);
        Begin(plan);
        Execute(plan, Part.All);
        _inputs.EndRound();
        (_last, _kept) = (plan, null);
        Count(updates);
        return plan[_cost].Item;
    }

    /// <summary>Stops the step's threads, and gives the optimizer back. Waits for a run on another thread.</summary>
    /// <exception cref="InvalidOperationException">Called from inside a run.</exception>
    public void Dispose()
    {
        if (_use.Dispose())
        {
            DropPlans();
            _team?.Dispose();
            _optimizer.Release(_owner);
        }
    }
}
