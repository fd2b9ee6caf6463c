namespace NativeBackprop.Layers;

/// <summary>Layers one after the other. Parameters are named by position as PyTorch names them: <c>0.weight</c>.</summary>
public sealed class Sequential : Layer
{
    // Keeps the masks apart from the initial values and from the shuffling, which come from the same seed.
    private const ulong MaskStream = 0x6D61736B;

    private readonly Layer[] _layers;
    private ParameterSet? _parameters;

    /// <summary>Puts the layers in order; elementwise functions may stand among them.</summary>
    public Sequential(params ReadOnlySpan<Layer> layers)
    {
        _layers = layers.ToArray();
        for (int i = 0; i < _layers.Length; i++)
        {
            Prefix($"{i}", _layers[i]);
        }
    }

    /// <summary>The layers in order.</summary>
    public IReadOnlyList<Layer> Layers => _layers;

    /// <summary>The parameters of all layers.</summary>
    public ParameterSet Parameters => _parameters ??= new ParameterSet(OwnParameters.Select(parameter => (parameter.Name, parameter)));

    /// <summary>What the layers keep besides parameters: the streams of dropout, each a tensor, named by position.</summary>
    public IEnumerable<Parameter> State => OwnState;

    /// <summary>True once the parameters have been initialised, loaded or set.</summary>
    public bool IsInitialized => OwnParameters.All(parameter => parameter.IsInitialized);

    /// <inheritdoc/>
    protected internal override IEnumerable<Parameter> OwnParameters => _layers.SelectMany(layer => layer.OwnParameters);

    /// <inheritdoc/>
    protected internal override IEnumerable<Parameter> OwnState => _layers.SelectMany(layer => layer.OwnState);

    /// <inheritdoc/>
    protected internal override int? InputWidth => InputWidthFor(null);

    /// <inheritdoc/>
    public override Node Build(Node input, BuildMode mode) => Build(input, mode, 1, []);

    /// <summary>As <see cref="Build(Node, BuildMode)"/>, and adds to a list the values that end each of some segments of about equally many layers.</summary>
    /// <param name="input">The input's node.</param>
    /// <param name="mode">What the network is built for.</param>
    /// <param name="segments">How many, at least 1; the last one's end is the output and is not added.</param>
    /// <param name="checkpoints">Receives the ends, for <c>CheckpointedGradient</c>.</param>
    public Node Build(Node input, BuildMode mode, int segments, ICollection<Node> checkpoints)
    {
        int done = 0;
        for (int i = 0; i < _layers.Length; i++)
        {
            input = _layers[i].Build(input, mode);
            if ((i + 1) * (long)segments / _layers.Length > done && i + 1 < _layers.Length)
            {
                checkpoints.Add(input);
                done++;
            }
        }

        return input;
    }

    /// <summary>Draws the initial values of every parameter from a seed; the same seed gives the same values.</summary>
    public void Initialize(ulong seed)
    {
        Initialize(new RandomSource(seed));
        foreach (Parameter parameter in OwnParameters)
        {
            parameter.MarkInitialized();
        }
    }

    /// <summary>
    /// Starts the streams of random numbers of all layers anew; the same seed gives the same masks. A trainer does so with its own
    /// seed.
    /// </summary>
    public void Reseed(ulong seed) => Reseed(new RandomSource(seed).Split(MaskStream));

    /// <summary>A session that computes outputs for up to <paramref name="maxBatch"/> rows; one for each thread.</summary>
    /// <exception cref="OptionException">maxBatch is below 1.</exception>
    public InferenceSession CreateSession(int maxBatch, int threads = 1) => new(this, maxBatch, threads);

    /// <inheritdoc/>
    protected internal override void Initialize(RandomSource random)
    {
        foreach (Layer layer in _layers)
        {
            layer.Initialize(random);
        }
    }

    /// <inheritdoc/>
    protected internal override void Reseed(RandomSource random)
    {
        for (int i = 0; i < _layers.Length; i++)
        {
            _layers[i].Reseed(random.Split((ulong)i));
        }
    }

    /// <inheritdoc/>
    protected internal override int? InputWidthFor(int? outputWidth)
    {
        for (int i = _layers.Length - 1; i >= 0; i--)
        {
            outputWidth = _layers[i].InputWidthFor(outputWidth);
        }

        return outputWidth;
    }
}
