using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// What <see cref="Rnn"/>, <see cref="Lstm"/> and <see cref="Gru"/> have in common: a cell that goes over a sequence [B, T, F] step by
/// step, in one direction or both, in one layer or several on top of each other. As PyTorch's modules with <c>batch_first=True</c>.
/// </summary>
/// <remarks>
/// <para>Parameters, for layer <c>k</c>, with <c>_reverse</c> behind the name for the direction from the end: <c>weight_ih_lk</c>
/// [inputs, g·H] and <c>weight_hh_lk</c> [H, g·H], transposed in files, <c>bias_ih_lk</c> and <c>bias_hh_lk</c> [g·H], where g is the
/// number of the cell's gates. All start uniform in ±1/√H.</para>
/// <para>Where <see cref="BuildContext.Lengths"/> says how long rows are, the direction from the end starts at a row's last step, outputs
/// beyond are 0, the final state is that of the last step, and what stands beyond it acts on nothing: PyTorch's
/// <c>pack_padded_sequence</c>.</para>
/// <para>Thread safety: as that of every <see cref="Layer"/>.</para>
/// </remarks>
public abstract class Recurrent : Layer
{
    // Every layer has parameters of its own, and every step has nodes of its own in the graph.
    private const int MostLayers = 1000, MostSteps = 1 << 14;

    private readonly RecurrentWeights[] _weights;
    private readonly int _gates;

    private protected Recurrent(int inputs, int units, int gates, RecurrentOptions options)
    {
        if (inputs < 1 || units < 1 || units > int.MaxValue / (2 * gates) || options.Layers is < 1 or > MostLayers)
        {
            throw new OptionException($"{Title} needs at least 1 input and 1 unit, and 1 to {MostLayers} layers, "
                + $"got {inputs} inputs, {units} units and {options.Layers} layers");
        }

        if (options.Dropout is not (>= 0 and < 1))
        {
            throw new OptionException($"{Title}'s dropout must lie in [0, 1), got {options.Dropout}");
        }

        if (options.Output is not (RecurrentOutput.Sequence or RecurrentOutput.Last))
        {
            throw new OptionException(
                $"{Title}'s output must be {RecurrentOutput.Sequence} or {RecurrentOutput.Last}, got {options.Output}");
        }

        (Inputs, Units, Options, _gates) = (inputs, units, options, gates);
        float limit = (float)(1 / Math.Sqrt(units));
        Initializer uniform = Initializer.Uniform(-limit, limit);
        _weights = new RecurrentWeights[options.Layers * Directions];
        for (int i = 0; i < _weights.Length; i++)
        {
            string suffix = $"l{i / Directions}{(i % Directions == 1 ? "_reverse" : "")}";
            int width = i < Directions ? inputs : Directions * units;
            _weights[i] = new RecurrentWeights(
                AddParameter($"weight_ih_{suffix}", [width, gates * units], uniform),
                AddParameter($"weight_hh_{suffix}", [units, gates * units], uniform),
                options.Bias ? AddParameter($"bias_ih_{suffix}", [gates * units], uniform) : null,
                options.Bias ? AddParameter($"bias_hh_{suffix}", [gates * units], uniform) : null);
        }
    }

    /// <summary>Width of a step of the input.</summary>
    public int Inputs { get; }

    /// <summary>H, width of the state.</summary>
    public int Units { get; }

    /// <summary>How many layers stand on top of each other.</summary>
    public int Layers => Options.Layers;

    /// <summary>True when each layer goes over the sequence from the end too.</summary>
    public bool IsBidirectional => Options.IsBidirectional;

    /// <summary>True when there are biases.</summary>
    public bool HasBias => Options.Bias;

    /// <summary>The probability that an element between two layers is dropped while training.</summary>
    public float Dropout => Options.Dropout;

    /// <summary>What the layer gives.</summary>
    public RecurrentOutput Output => Options.Output;

    internal RecurrentOptions Options { get; }

    /// <summary>The layer in words, with its article.</summary>
    private protected abstract string Title { get; }

    /// <summary>True when the state has a part besides the output.</summary>
    private protected virtual bool HasCell => false;

    private int Directions => Options.IsBidirectional ? 2 : 1;

    /// <inheritdoc/>
    public override int? InputWidthFor(int? outputWidth) => Inputs;

    /// <summary>Adds the layer to the graph of its input, going on from a state.</summary>
    /// <param name="input">A sequence [B, T, inputs] of 1 to 2^14 steps.</param>
    /// <param name="context">The graph, what it is built for, and the path of this use.</param>
    /// <param name="initial">What to go on from; zeros when null.</param>
    /// <param name="final">What the layer has come to behind each row's last step.</param>
    /// <exception cref="ShapeException">The input or the state does not fit.</exception>
    /// <exception cref="GraphException">The input or the state belongs to another graph than the context.</exception>
    public Node Build(Node input, BuildContext context, RecurrentState? initial, out RecurrentState final)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(context);
        KindCheck.Require(input, context, Title, Inputs, RowKind.Sequence);
        if (input.Shape[1] is < 1 or > MostSteps)
        {
            throw new ShapeException($"{context.At}{Title} needs a sequence of 1 to {MostSteps} steps, got {KindCheck.Describe(input)}");
        }

        if (initial is not null)
        {
            RequireState(context, input, initial.Hidden, "hidden state");
            RequireCell(context, input, initial);
        }

        Node x = StepsFirst(input);
        var finals = new CellState[_weights.Length];
        for (int layer = 0; layer < Layers; layer++)
        {
            x = layer > 0 && context.Mode == BuildMode.Training && Dropout > 0 ? x * context.Mask(Dropout, x.Shape) : x;
            var outputs = new Node[Directions];
            for (int direction = 0; direction < Directions; direction++)
            {
                int at = (layer * Directions) + direction;
                outputs[direction] = Run(x, context, _weights[at], direction == 1, StateAt(initial, at), out finals[at]);
            }

            x = Joined(outputs);
        }

        final = new RecurrentState(
            Stacked([.. finals.Select(state => state.Hidden)]), HasCell ? Stacked([.. finals.Select(state => state.Cell!)]) : null);
        return Output == RecurrentOutput.Last ? Joined([.. finals[^Directions..].Select(state => state.Hidden)]) : StepsFirst(x);
    }

    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context)
    {
        if (context.Carried is not { } carried)
        {
            return Build(input, context, null, out _);
        }

        if (IsBidirectional)
        {
            throw new GraphException($"{context.At}{Title} that goes backward too needs the whole sequence: it cannot go step by step");
        }

        RecurrentState before = CarriedStates.Begin(context, input.Shape[0], _weights.Length, Units, HasCell);
        Node output = Build(input, context, before, out RecurrentState after);
        carried.Add(before, after);
        return output;
    }

    /// <summary>A step of the cell.</summary>
    /// <param name="x">What comes of the step's input, [B, g·H], with the bias that <see cref="InputBias"/> gives.</param>
    /// <param name="previous">What the cell goes on from; null for zeros, which the product need not be computed of.</param>
    /// <param name="weights">The weights as nodes.</param>
    private protected abstract CellState Step(Node x, CellState? previous, CellWeights weights);

    /// <summary>What is added to the product of the input.</summary>
    private protected virtual Node? InputBias(CellWeights weights) => weights.InputBias is null ? null
        : weights.InputBias + weights.RecurrentBias!;

    /// <summary>Zeros of the shape of a state.</summary>
    private protected Node Zeros(Node x) => x.Graph.Constant(0, [x.Shape[0], Units]);

    // One direction of one layer over a sequence with its steps first.
    private Node Run(
        Node x, BuildContext context, RecurrentWeights parameters, bool isReverse, CellState? initial, out CellState final)
    {
        CellWeights weights = parameters.In(context);
        Node projected = x.MatMul(weights.Input);
        projected = InputBias(weights) is { } bias ? projected + bias : projected;
        (int steps, int rows) = (x.Shape[0], x.Shape[1]);
        var outputs = new Node[steps];
        CellState? state = initial;
        for (int i = 0; i < steps; i++)
        {
            int t = isReverse ? steps - 1 - i : i;
            Node part = projected.Slice(0, t, 1).Reshape([rows, _gates * Units]);
            CellState next = Step(part, state, weights);
            state = context.Lengths is null || (t == 0 && !isReverse) ? next : Select(t, next, state ?? NoState(part), context.Lengths);
            outputs[t] = state.Hidden.Reshape([1, rows, Units]);
        }

        final = state!;
        Node sequence = x.Graph.Concatenate(0, outputs);
        return context.Lengths is null ? sequence : x.Graph.Add(new SequenceMask(true), sequence, context.Lengths);
    }

    private CellState NoState(Node x) => new(Zeros(x), HasCell ? Zeros(x) : null);

    // Rows that are over keep what they had.
    private static CellState Select(int step, CellState next, CellState previous, Node lengths)
    {
        var select = new StepSelect(step);
        return new CellState(
            lengths.Graph.Add(select, next.Hidden, previous.Hidden, lengths),
            next.Cell is null ? null : lengths.Graph.Add(select, next.Cell, previous.Cell!, lengths));
    }

    private CellState? StateAt(RecurrentState? state, int at) => state is null ? null
        : new CellState(Part(state.Hidden, at), HasCell ? Part(state.Cell!, at) : null);

    private Node Part(Node states, int at) => states.Slice(0, at, 1).Reshape([states.Shape[1], Units]);

    private Node Stacked(Node[] states) =>
        states[0].Graph.Concatenate(0, [.. states.Select(state => state.Reshape([1, state.Shape[0], Units]))]);

    private static Node Joined(Node[] nodes) => nodes.Length == 1 ? nodes[0] : nodes[0].Graph.Concatenate(-1, nodes);

    // [B, T, F] to [T, B, F] or back; of a single step, or a single row, a view.
    private static Node StepsFirst(Node x) => x.Shape[0] == 1 || x.Shape[1] == 1
        ? x.Reshape([x.Shape[1], x.Shape[0], x.Shape[2]])
        : x.Transpose(1, 0, 2);

    private void RequireCell(BuildContext context, Node input, RecurrentState initial)
    {
        if (HasCell && initial.Cell is not null)
        {
            RequireState(context, input, initial.Cell, "cell state");
        }
        else if (HasCell || initial.Cell is not null)
        {
            throw new ShapeException(
                $"{context.At}{Title} goes on from a hidden state {(HasCell ? "and" : "without")} a cell state, got {initial}");
        }
    }

    private void RequireState(BuildContext context, Node input, Node state, string what)
    {
        ArgumentNullException.ThrowIfNull(state);
        Shape expected = [_weights.Length, input.Shape[0], Units];
        if (state.Graph != context.Graph)
        {
            throw new GraphException($"{context.At}the {what} {state} belongs to another graph than the context");
        }

        if (!state.Shape.Equals(expected))
        {
            throw new ShapeException($"{context.At}{Title} needs a {what} of shape {expected}, got {state.Shape} from {state}");
        }
    }
}
