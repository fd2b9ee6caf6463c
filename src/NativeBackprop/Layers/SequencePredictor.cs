namespace NativeBackprop.Layers;

/// <summary>
/// Computes a recurrent model's outputs step by step: each call goes on where the one before has stopped, with the states that the
/// recurrent layers have come to. As many steps one after the other give what one sequence of them gives. The model's weights are read as
/// they are at each call.
/// </summary>
/// <remarks>Thread safety: for one thread at a time; a second one is refused. Nobody may train the model during a call.</remarks>
public sealed class SequencePredictor : IDisposable
{
    private readonly Occupancy _use = new("sequence predictor");
    private readonly Node _input, _output;
    private readonly CarriedStates _states = new();
    private readonly Plan _plan;
    private readonly int _length, _outputLength;

    /// <summary>Starts at the beginning of a sequence.</summary>
    /// <param name="model">
    /// A model of sequences or indices that acts on steps by themselves but for its recurrent layers, which go forward only.
    /// </param>
    /// <param name="rows">How many sequences side by side, at least 1.</param>
    /// <param name="options">Threads, reproducibility.</param>
    /// <exception cref="OptionException">An option is outside its domain.</exception>
    /// <exception cref="GraphException">What the model reads is not known, or is no sequence, or a layer goes backward too.</exception>
    /// <exception cref="ShapeException">The layers do not fit one another.</exception>
    /// <exception cref="InvalidOperationException">A value was never drawn, set or loaded.</exception>
    public SequencePredictor(Layer model, int rows = 1, PredictorOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (rows < 1)
        {
            throw new OptionException($"rows must be at least 1, got {rows}");
        }

        options ??= new PredictorOptions();
        options.Validated(rows);
        RowShape row = ModelRows.Of(model).WithSteps(1);
        var graph = new Graph();
        var input = new ModelRows(graph, row);
        _input = input.Leaf;
        _output = input.Build(model, new BuildContext(graph, BuildMode.Evaluation) { Carried = _states });
        if (graph.Nodes.FirstOrDefault(node => node.Kind is RowKind.Signal or RowKind.Image) is { } mixed)
        {
            throw new GraphException($"{KindCheck.Describe(mixed)} has neighbours in time: the model cannot go step by step");
        }

        (_length, _outputLength) = (row.Length, _output.Shape.Without(0).Length);
        (Rows, InputWidth, OutputWidth) = (rows, _length, _outputLength);
        _plan = graph.Compile(
            [_output, .. _states.States.Select(state => state.After)],
            new PlanOptions { BatchSize = rows, Threads = Plan.Limit(options.Threads), Reproducible = options.Reproducible });
        Reset();
    }

    /// <summary>How many sequences side by side.</summary>
    public int Rows { get; }

    /// <summary>Numbers, or indices, of a step.</summary>
    public int InputWidth { get; }

    /// <summary>Numbers of a step's output.</summary>
    public int OutputWidth { get; }

    /// <summary>Goes back to the beginning of a sequence: all states are zero.</summary>
    /// <exception cref="InvalidOperationException">The predictor is in use.</exception>
    /// <exception cref="ObjectDisposedException">The predictor has been disposed of.</exception>
    public void Reset()
    {
        using Occupancy.Guard inside = _use.Enter();
        foreach ((Node before, _) in _states.States)
        {
            _plan.Fill(before).Clear();
        }
    }

    /// <summary>One step of numbers.</summary>
    /// <param name="input"><see cref="Rows"/> steps of <see cref="InputWidth"/> finite numbers.</param>
    /// <param name="output">Receives as many steps of <see cref="OutputWidth"/> numbers.</param>
    /// <exception cref="ShapeException">A length does not fit.</exception>
    /// <exception cref="DataException">A number is not finite, or the model takes indices.</exception>
    /// <exception cref="GraphException">An op met a value outside its domain, or a user's code failed; the state is as before.</exception>
    /// <exception cref="InvalidOperationException">The predictor is in use.</exception>
    /// <exception cref="ObjectDisposedException">The predictor has been disposed of.</exception>
    public void Step(ReadOnlySpan<float> input, Span<float> output)
    {
        using Occupancy.Guard inside = _use.Enter();
        RequireKind(ElementType.Float32, $"the model takes indices, not numbers: call {nameof(StepIndices)}");
        RequireLengths(input.Length, output.Length);
        _plan.Bind(_input, input);
        Run(output);
    }

    /// <summary>One step of indices.</summary>
    /// <param name="indices"><see cref="Rows"/> indices within the model's bound.</param>
    /// <param name="output">Receives as many steps of <see cref="OutputWidth"/> numbers.</param>
    /// <exception cref="DataException">An index lies outside the bound, or the model takes numbers.</exception>
    /// <inheritdoc cref="Step"/>
    public void StepIndices(ReadOnlySpan<int> indices, Span<float> output)
    {
        using Occupancy.Guard inside = _use.Enter();
        RequireKind(ElementType.Int32, $"the model takes numbers, not indices: call {nameof(Step)}");
        RequireLengths(indices.Length, output.Length);
        _plan.BindLabels(_input, indices);
        Run(output);
    }

    /// <summary>Frees the plan. Waits for nobody: a call under way on another thread is refused before.</summary>
    /// <exception cref="InvalidOperationException">The predictor is in use.</exception>
    public void Dispose()
    {
        if (_use.Dispose())
        {
            _plan.Dispose();
        }
    }

    private void Run(Span<float> output)
    {
        _plan.Run();
        _plan[_output].Span.CopyTo(output);
        foreach ((Node before, Node after) in _states.States)
        {
            _plan[after].Span.CopyTo(_plan.Fill(before));
        }
    }

    private void RequireKind(ElementType type, string message)
    {
        if (_input.Op.ElementType != type)
        {
            throw new DataException(message);
        }
    }

    private void RequireLengths(int input, int output)
    {
        if (input != Rows * _length || output != (long)Rows * _outputLength)
        {
            throw new ShapeException(
                $"a step of {Rows} rows takes {Rows * _length} values and gives {(long)Rows * _outputLength}, got room for {input} and "
                + $"{output}");
        }
    }
}
