using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// What a network is built into: the graph, what it is built for, the seed of its random numbers, and the path of the part that is being
/// built. A layer hands <see cref="Child"/> of its own context to each layer that it is made of.
/// </summary>
/// <remarks>
/// Random numbers belong to a path: two parts never share them, and nothing that is built elsewhere changes them. They change from run to
/// run by one count that all parts share, which is the context's <see cref="State"/>.
/// <para>
/// Thread safety: for one thread at a time; a second one is refused. So is its graph meanwhile.
/// </para>
/// </remarks>
public sealed class BuildContext
{
    // Keeps the masks apart from the initial values and from the shuffling, which come from the same seed.
    private const ulong MaskStream = 0x6D61736B;

    private readonly Root _root;
    private readonly HashSet<string> _children = [];
    private readonly ulong _stream;
    private ulong _masks;

    /// <summary>Starts a network in a graph, with an empty path.</summary>
    /// <param name="graph">Where the nodes go.</param>
    /// <param name="mode">What the network is built for.</param>
    /// <param name="seed">Of all that is random in a run; the same seed gives the same masks.</param>
    /// <exception cref="OptionException">There is no such mode.</exception>
    public BuildContext(Graph graph, BuildMode mode, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(graph);
        if (mode is not (BuildMode.Training or BuildMode.Evaluation))
        {
            throw new OptionException($"the mode must be {BuildMode.Training} or {BuildMode.Evaluation}, got {mode}");
        }

        (_root, Path, _stream) = (new Root(graph, mode, seed), "", RandomSource.DeriveSeed(seed, MaskStream));
    }

    private BuildContext(BuildContext parent, string name)
    {
        _root = parent._root;
        Path = parent.Path.Length == 0 ? name : $"{parent.Path}.{name}";
        _stream = RandomSource.DeriveSeed(parent._stream, Hash(name));
    }

    /// <summary>The graph that is built.</summary>
    public Graph Graph => _root.Graph;

    /// <summary>What it is built for.</summary>
    public BuildMode Mode => _root.Mode;

    /// <summary>
    /// How many steps of each row's sequence count, [B] indices as <see cref="GraphLeaves.Lengths"/> makes them; null when all rows are
    /// whole. Recurrent layers read it.
    /// </summary>
    /// <exception cref="GraphException">The node belongs to another graph, or holds numbers.</exception>
    /// <exception cref="ShapeException">The node has another shape than [B].</exception>
    public Node? Lengths
    {
        get => _root.Lengths;
        init
        {
            if (value is not null)
            {
                RequireOwn(value);
                _root.Lengths = value.Op.ElementType != ElementType.Int32
                    ? throw new GraphException($"lengths must be indices, but {value} holds numbers")
                    : value.Shape.Rank == 1 ? value
                    : throw new ShapeException($"lengths must have the shape [B], got {value.Shape} from {value}");
            }
        }
    }

    /// <summary>Where recurrent layers begin and end, for a network that goes on step by step; null where each run stands alone.</summary>
    internal CarriedStates? Carried
    {
        get => _root.Carried;
        init => _root.Carried = value;
    }

    /// <summary>
    /// True when layers normalise by the statistics of the batch: in training, and where the gradients of a training step are wanted
    /// without its random numbers and effects.
    /// </summary>
    internal bool UsesBatchStatistics
    {
        get => Mode == BuildMode.Training || _root.UsesBatchStatistics;
        init => _root.UsesBatchStatistics = value;
    }

    /// <summary>The seed of all that is random in a run.</summary>
    public ulong Seed => _root.Seed;

    /// <summary>Names from the network's root to the part being built, with dots between: <c>tower.2</c>; empty at the root.</summary>
    public string Path { get; }

    /// <summary>
    /// What a run changes besides parameters and optimizer: the nodes that write the buffers given to <see cref="AddEffect"/> in the
    /// whole network, and the count of runs. A training step computes them along with its cost.
    /// </summary>
    public IReadOnlyList<Node> Effects => _root.Effects;

    /// <summary>
    /// What random numbers go by from run to run, for a checkpoint to save: the count of runs, under the name <c>runs</c>.
    /// </summary>
    public ParameterSet State => new([(_root.Runs.Name, _root.Runs)]);

    /// <summary>What messages begin with: the path and a colon, nothing at the root.</summary>
    internal string At => Path.Length == 0 ? "" : $"{Path}: ";

    /// <summary>The context of a part of this one, such as a layer that this layer uses. Two uses of one layer are two parts.</summary>
    /// <param name="name">What to call it; neither empty nor with a dot in it, and not taken here yet.</param>
    /// <exception cref="OptionException">The name is empty, has a dot in it, or is taken.</exception>
    public BuildContext Child(string name)
    {
        LayerName.Require(name);
        using Occupancy.Guard inside = _root.Use.Enter();
        return _children.Add(name) ? new BuildContext(this, name) : throw new OptionException(
            $"{At}there is a part named {name} already: each use of a layer needs a name of its own");
    }

    /// <summary>The value of a parameter or buffer, under its path in plans and pictures; one node however often it is asked for.</summary>
    public Node Variable(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        using Occupancy.Guard inside = _root.Use.Enter();
        Node node = Graph.Variable(parameter);
        string name = Path.Length == 0 ? parameter.Name : $"{Path}.{parameter.Name}";
        if (_root.Names.TryAdd(parameter, name))
        {
            node.Name = name;
        }

        return node;
    }

    /// <summary>
    /// Random numbers of a shape, new in every run: 0 with a probability, else 1/(1 − probability), so that what is multiplied by them
    /// keeps its expectation. Each call gives numbers of its own, in either mode.
    /// </summary>
    /// <param name="probability">In [0, 1).</param>
    /// <param name="shape">The result's shape.</param>
    /// <exception cref="OptionException">The probability lies outside [0, 1).</exception>
    public Node Mask(float probability, Shape shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        if (probability is not (>= 0 and < 1))
        {
            throw new OptionException($"{At}a mask's probability must lie in [0, 1), got {probability}");
        }

        using Occupancy.Guard inside = _root.Use.Enter();
        return Graph.Add(new DropoutMask(probability, RandomSource.DeriveSeed(_stream, _masks++), shape), _root.Count());
    }

    /// <summary>
    /// Makes a training step give a buffer a new value, once each time it succeeds: <c>context.AddEffect(mean, 0.9f * old + 0.1f *
    /// batch)</c>.
    /// What is built from here on reads the new value.
    /// </summary>
    /// <param name="buffer">What changes; neither trained nor frozen.</param>
    /// <param name="value">The new value, of the buffer's shape.</param>
    /// <exception cref="GraphException">The value belongs to another graph.</exception>
    /// <exception cref="ShapeException">The value has another shape.</exception>
    public void AddEffect(Parameter buffer, Node value)
    {
        RequireOwn(value);
        Node variable = Variable(buffer);
        using Occupancy.Guard inside = _root.Use.Enter();
        _root.AddEffect(Graph.Add(new Assign(), variable, value));
    }

    /// <summary>Makes a training step do what a node does to buffers.</summary>
    internal void AddUpdate(Node effect)
    {
        using Occupancy.Guard inside = _root.Use.Enter();
        _root.AddEffect(effect);
    }

    /// <summary>
    /// Says that the network can be cut well after a node: a trainer that computes activations again instead of keeping them
    /// does so between some of these. The outermost <see cref="Sequential"/> says so of each of its layers.
    /// </summary>
    /// <exception cref="GraphException">The node belongs to another graph.</exception>
    public void AddSegmentEnd(Node end)
    {
        RequireOwn(end);
        using Occupancy.Guard inside = _root.Use.Enter();
        _root.SegmentEnds.Add(end);
    }

    /// <summary>The ends of some segments of about equal length, without the last one's, which is the output.</summary>
    internal IReadOnlyList<Node> SegmentEnds(int segments)
    {
        List<Node> ends = _root.SegmentEnds;
        var chosen = new List<Node>();
        for (int i = 0; i < ends.Count; i++)
        {
            if ((i + 1) * (long)segments / (ends.Count + 1) > chosen.Count)
            {
                chosen.Add(ends[i]);
            }
        }

        return chosen;
    }

    /// <summary>What a parameter was called where it was used first, or its own name.</summary>
    internal string NameOf(Parameter parameter) => _root.Names.GetValueOrDefault(parameter, parameter.Name);

    /// <summary>Draws what has no values yet with the context's seed.</summary>
    /// <inheritdoc cref="ParameterSet.Draw"/>
    internal void Draw(IEnumerable<(string Name, Parameter Parameter)> parameters) => ParameterSet.Draw(parameters, Seed);

    // FNV-1a over the letters: the same on every platform, which string.GetHashCode is not.
    private static ulong Hash(string name)
    {
        ulong hash = 0xCBF29CE484222325;
        foreach (char c in name)
        {
            hash = (hash ^ c) * 0x100000001B3;
        }

        return hash;
    }

    private void RequireOwn(Node node)
    {
        ArgumentNullException.ThrowIfNull(node);
        if (node.Graph != Graph)
        {
            throw new GraphException($"{At}{node} belongs to another graph");
        }
    }

    /// <summary>What all contexts of a network share.</summary>
    private sealed class Root(Graph graph, BuildMode mode, ulong seed)
    {
        private readonly List<Node> _effects = [];
        private IReadOnlyList<Node>? _readOnly;
        private Node? _count;

        public Occupancy Use { get; } = new("build context");

        public Graph Graph => graph;

        public BuildMode Mode => mode;

        public ulong Seed => seed;

        public Node? Lengths { get; set; }

        public CarriedStates? Carried { get; set; }

        public Parameter Runs { get; } = Parameter.Counts("runs", DropoutMask.CountShape);

        public bool UsesBatchStatistics { get; set; }

        public Dictionary<Parameter, string> Names { get; } = [];

        public List<Node> SegmentEnds { get; } = [];

        public IReadOnlyList<Node> Effects => _readOnly ??= _effects.AsReadOnly();

        public void AddEffect(Node effect)
        {
            if (!_effects.Contains(effect))
            {
                _effects.Add(effect);
            }
        }

        /// <summary>The count of this run, made an effect by whoever asks first.</summary>
        public Node Count()
        {
            if (_count is null)
            {
                _count = graph.Add(new Counter(DropoutMask.CountShape.Length), graph.Variable(Runs));
                AddEffect(_count);
            }

            return _count;
        }
    }
}
