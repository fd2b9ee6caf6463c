using NativeBackprop.Layers;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;

namespace NativeBackprop.Training;

public sealed partial class TrainingStep
{
    private enum Part
    {
        All,
        First,
        Rest,
    }

    /// <summary>The threads that run the step's plans, and those of its owner; null where one thread does.</summary>
    internal ThreadTeam? Team => (_options.ExactThreads ? _options.Threads : Plan.Limit(_options.Threads)) is var threads && threads > 1
        ? _team ??= new ThreadTeam(threads)
        : null;

    /// <summary>Minimises another cost of the same graph, of the same parameters, from now on, and watches other nodes.</summary>
    internal void Minimise(Node cost, params ReadOnlySpan<Node> watched)
    {
        _inputs.Require(_context.Graph, [cost, .. watched, .. _effects]);
        _watched.Clear();
        _watched.AddRange(watched);
        _checks = _options.OnNonFinite == OnNonFinite.Continue ? [] : [_context.Graph.Add(new CheckFinite(), cost)];
        _cost = cost;
        bool[] needed = _context.Graph.Needed(cost);
        _read = [.. _context.Graph.Nodes.Take(needed.Length)
            .Where(node => needed[node.Index]).Select(node => node.Op).OfType<Variable>().Select(variable => variable.Parameter)];
        _readVersions = new int[_read.Length];
        _firstUpdate = _context.Graph.Nodes.Count;
        _known.Clear();
        _updates = null;
        DropPlans();
    }

    /// <summary>The memory that an input is filled in, for a caller that has checked the values; it is bound from then on.</summary>
    internal Span<float> Fill(Node input, int length, int rows)
    {
        StepInput target = _inputs.Of(input, input.Op.ElementType);
        _ = _inputs.RowsOf(target, length);
        return Fill(target, length, rows);
    }

    /// <summary>Forgets what was bound since the last run: the next batch may have any size.</summary>
    internal void BeginRound() => _inputs.EndRound();

    /// <summary>A value that the last run computed.</summary>
    internal float Value(Node node) => _last![node].Item;

    /// <summary>The plan that ran last.</summary>
    internal Plan? LastPlan => _last;

    /// <summary>How many plans of whole steps there are.</summary>
    internal int PlanCount => _plans.Count;

    /// <exception cref="ArgumentOutOfRangeException">The number cannot be one of steps.</exception>
    internal static void RequireSteps(long steps)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(steps);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(steps, MostSteps);
    }

    /// <summary>A model's parameters, each once, with the first of its names.</summary>
    internal static IReadOnlyList<(string Name, Parameter Parameter)> Named(ParameterSet parameters) =>
        [.. parameters.Select(parameter => (parameters.NameOf(parameter), parameter))];

    private static IReadOnlyList<(string Name, Parameter Parameter)> Named(BuildContext context, IEnumerable<Parameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(parameters);
        return ParameterSet.WithUniqueNames(parameters.Distinct().Select(parameter =>
            (context.NameOf(parameter ?? throw new ArgumentNullException(nameof(parameters), "a parameter is null")), parameter)));
    }

    private static void RequireCost(Graph graph, Node cost, IReadOnlyList<(string Name, Parameter Parameter)> parameters)
    {
        if (cost.Graph != graph)
        {
            throw new GraphException($"the cost {cost} belongs to another graph than the context");
        }

        ReverseMode.RequireScalar(graph, cost);
        using Graph.Reading reading = graph.Read();
        bool[] needed = graph.Needed(cost);
        HashSet<Parameter> read = [.. graph.Nodes
            .Where(node => needed[node.Index]).Select(node => node.Op).OfType<Variable>().Select(variable => variable.Parameter)];
        string[] unread = [.. parameters.Where(entry => !read.Contains(entry.Parameter)).Select(entry => entry.Name)];
        if (unread.Length > 0)
        {
            throw new GraphException(
                $"the cost {cost} does not depend on {string.Join(", ", unread)}: leave out what is not to be trained");
        }
    }

    private Span<float> Fill(StepInput input, int length, int rows)
    {
        _pending = null;
        return input.Fill(length, rows);
    }

    // What trains the parameters that are not frozen now, by the counts that the optimizer has them go by now: another owner of a shared
    // one may have parted them. Plans of another choice are of no more use.
    private StepUpdates Adapt()
    {
        bool isSame = _updates is not null && _optimizer.CountsVersion == _countsVersion;
        for (int i = 0; i < _parameters.Length && isSame; i++)
        {
            isSame = _frozen[i] == _parameters[i].Parameter.IsFrozen;
        }

        return isSame ? _updates! : AdaptAnew();
    }

    private StepUpdates AdaptAnew()
    {
        bool[] frozen = [.. _parameters.Select(parameter => parameter.Parameter.IsFrozen)];
        TrainedParameter[] trained = [.. _parameters.Where((_, i) => !frozen[i])];
        StepUpdates updates = UpdatesOf(trained, out int version);
        if (updates != _updates)
        {
            DropPlans();
        }

        frozen.CopyTo(_frozen, 0);
        _countsVersion = version;
        return _updates = updates;
    }

    private StepUpdates UpdatesOf(TrainedParameter[] trained, out int version)
    {
        IReadOnlyList<StepCount> counts = _optimizer.CountsOf(trained.Select(parameter => parameter.Parameter), out version);
        StepUpdates? updates = _known.Find(known => known.Trained.SequenceEqual(trained) && known.Counts.SequenceEqual(counts));
        if (updates is null)
        {
            MakeRoom();
            using Graph.Use use = _context.Graph.AddLoose(_loose);
            using Graph.Building building = _context.Graph.Begin();
            updates = new StepUpdates(_cost, _segmentEnds, trained, counts, _options, _optimizer);
            building.Complete();
            _known.Add(updates);
        }

        return updates;
    }

    // There are as many choices as subsets of the parameters. Nodes can be taken out of the graph from its end on only, so all updates
    // go at once; what others have come to use of them stays.
    private void MakeRoom()
    {
        if (_known.Count < ChoicesKept)
        {
            return;
        }

        try
        {
            _context.Graph.TakeOutLoose(_loose);
        }
        finally
        {
            _known.Clear();
            _updates = null;
        }
    }

    private KeptGradients Keep(StepUpdates updates)
    {
        using Graph.Use use = _context.Graph.AddLoose(_loose);
        return updates.Keep(_keep);
    }

    private Plan Compile(int rows, ReadOnlySpan<Node> outputs, IReadOnlyList<Node> first) => _context.Graph.Compile(outputs, new PlanOptions
    {
        BatchSize = rows > 0 ? rows : null,
        Threads = _options.Threads,
        ExactThreads = _options.ExactThreads,
        Products = _options.Products,
        Fuse = _options.Fuse,
        Reproducible = _options.Reproducible,
        First = first,
        Team = Team,
    });

    // From here on nothing is left of what ran before.
    private void Begin(Plan plan)
    {
        (_last, _pending) = (null, null);
        _inputs.Point(plan);
    }

    private void Execute(Plan plan, Part part)
    {
        try
        {
            switch (part)
            {
                case Part.First:
                    plan.RunFirst();
                    break;
                case Part.Rest:
                    plan.RunRest();
                    break;
                default:
                    plan.Run();
                    break;
            }
        }
        catch (NonFiniteException error)
        {
            throw error.AtStep(_steps + 1);
        }

        _threads = plan.Threads;
    }

    private double ScheduleFactor() => _options.Schedule?.CheckedFactor(_steps) ?? 1;

    private void SetRates(double factor)
    {
        for (int i = 0; i < _rates.Length; i++)
        {
            if (!float.IsFinite(Rate(i, factor)))
            {
                string group = i == 0 ? "" : $" times the factor {_rates[i].Factor} of parameter group {i - 1}";
                throw new OptionException(
                    $"the learning rate {_optimizer.LearningRate} times the schedule's {factor}{group} is too large for float32");
            }
        }

        for (int i = 0; i < _rates.Length; i++)
        {
            _rates[i].Rate.Span[0] = Rate(i, factor);
        }
    }

    private float Rate(int group, double factor) => (float)(_optimizer.LearningRate * factor * _rates[group].Factor);

    private void DropPlans()
    {
        (_last, _pending) = (null, null);
        _plans.Clear();
        _halves.Clear();
    }
}
