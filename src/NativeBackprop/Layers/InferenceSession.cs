using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// Computes a model's outputs. A session belongs to one thread; any number of them share one model's parameters, as long as
/// nobody trains it meanwhile.
/// </summary>
public sealed class InferenceSession : IDisposable
{
    private readonly Graph _graph = new();
    private readonly Node _input, _output;
    private readonly Plan?[] _plans;
    private readonly int _threads;

    internal InferenceSession(Layer model, int maxBatch, int threads)
    {
        if (maxBatch < 1)
        {
            throw new OptionException($"maxBatch must be at least 1, got {maxBatch}");
        }

        InputWidth = model.InputWidth ?? throw new GraphException("the model's input width is not known: no layer fixes it");
        _input = _graph.Input("x", [Shape.Batch, InputWidth]);
        _output = model.Build(_input, new BuildContext(_graph, BuildMode.Evaluation));
        OutputWidth = _output.Shape[-1];
        _threads = threads;
        _plans = new Plan?[maxBatch];
        _plans[^1] = Compile(maxBatch);
    }

    /// <summary>Numbers a row of input.</summary>
    public int InputWidth { get; }

    /// <summary>Numbers a row of output.</summary>
    public int OutputWidth { get; }

    /// <summary>
    /// Computes the outputs of one or more rows. The first call for each batch size makes a plan; the others allocate nothing.
    /// </summary>
    /// <param name="input">Rows of <see cref="InputWidth"/> finite numbers, at most maxBatch of them.</param>
    /// <param name="output">Receives as many rows of <see cref="OutputWidth"/> numbers.</param>
    /// <exception cref="ShapeException">The lengths do not fit.</exception>
    /// <exception cref="DataException">An input is NaN or infinite.</exception>
    public void Predict(ReadOnlySpan<float> input, Span<float> output)
    {
        int rows = input.Length / InputWidth;
        if (rows < 1 || rows > _plans.Length || input.Length != rows * InputWidth)
        {
            throw new ShapeException($"the input must be 1 to {_plans.Length} rows of {InputWidth} numbers, got {input.Length} numbers");
        }

        if (output.Length != rows * OutputWidth)
        {
            throw new ShapeException($"the output must have room for {rows} rows of {OutputWidth} numbers, got {output.Length}");
        }

        Plan plan = _plans[rows - 1] ??= Compile(rows);
        plan.Bind(_input, input).Run();
        plan[_output].Span.CopyTo(output);
    }

    /// <summary>Stops the session's threads.</summary>
    public void Dispose() => Array.ForEach(_plans, plan => plan?.Dispose());

    private Plan Compile(int rows) => _graph.Compile([_output], new PlanOptions { BatchSize = rows, Threads = _threads });
}
