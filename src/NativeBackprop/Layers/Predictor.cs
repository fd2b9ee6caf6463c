using System.Runtime.InteropServices;

namespace NativeBackprop.Layers;

/// <summary>
/// Computes a model's outputs, for any number of threads at once. A predictor has its own copy of parameters and buffers, which training
/// does not touch; <see cref="Publish"/> puts another one in its place, and every call sees one version whole.
/// </summary>
/// <remarks>
/// <para>Memory is bounded: a few plans, each with an arena for its batch size, for as many calls as compute at once
/// (<see cref="PredictorOptions.Plans"/>); more callers wait, in turn. Where every layer keeps rows apart, plans exist for some batch sizes
/// only, and a batch between two of them is padded with copies of its last row, or computed in parts.</para>
/// <para>Thread safety: any threads may use it at once, except from inside a call.</para>
/// </remarks>
public sealed class Predictor : IDisposable
{
    // Plans of exact sizes that each slot keeps where rows cannot be padded.
    private const int PlansKept = 8;

    private readonly PredictorGraph _graph;
    private readonly PredictorPool _pool;
    private readonly BatchSizes? _sizes;
    private readonly PlanOptions _planOptions;
    private readonly int _maxBatch;
    private ModelVersion _version;

    internal Predictor(Layer model, int maxBatch, PredictorOptions options)
    {
        if (maxBatch < 1)
        {
            throw new OptionException($"maxBatch must be at least 1, got {maxBatch}");
        }

        options.Validated(maxBatch);
        _graph = new PredictorGraph(model);
        _version = new ModelVersion(_graph.Variables);
        _maxBatch = maxBatch;
        (InputWidth, OutputWidth) = (_graph.InputLength, _graph.Output.Shape.Without(0).Length);
        _sizes = RowAnalysis.KeepsRowsApart(_graph.Output) ? new BatchSizes(options.BatchSizes, maxBatch) : null;
        int threads = Plan.Limit(options.Threads);
        int plans = options.Plans > 0 ? options.Plans : threads > 1 ? 1 : Environment.ProcessorCount;
        _pool = new PredictorPool(this, plans, _sizes?.Count ?? PlansKept);
        try
        {
            _planOptions = new PlanOptions
            {
                Threads = threads,
                Reproducible = options.Reproducible,
                Team = threads > 1 ? _pool.StartTeam(threads) : null,
            };

            // What cannot be planned is said here, not at the first call.
            PredictorSlot slot = _pool.Take();
            try
            {
                PlanFor(slot, maxBatch);
            }
            finally
            {
                _pool.Return(slot);
            }
        }
        catch
        {
            _pool.Dispose();
            throw;
        }
    }

    /// <summary>Numbers a row of input.</summary>
    public int InputWidth { get; }

    /// <summary>Numbers a row of output.</summary>
    public int OutputWidth { get; }

    /// <summary>
    /// Computes the outputs of one or more rows. The first calls for each batch size make a plan; the others allocate nothing.
    /// </summary>
    /// <param name="input">Rows of <see cref="InputWidth"/> finite numbers, at most maxBatch of them.</param>
    /// <param name="output">Receives as many rows of <see cref="OutputWidth"/> numbers. After an exception its content is open.</param>
    /// <exception cref="ArgumentException">The output overlaps the input.</exception>
    /// <exception cref="ShapeException">The lengths do not fit.</exception>
    /// <exception cref="DataException">An input is NaN or infinite.</exception>
    /// <exception cref="GraphException">An op met a value outside its domain, or a user's op failed.</exception>
    /// <exception cref="InvalidOperationException">Called from inside a call, by a user's op.</exception>
    /// <exception cref="ObjectDisposedException">The predictor has been disposed of.</exception>
    public void Predict(ReadOnlySpan<float> input, Span<float> output)
    {
        RequireKind(takesIndices: false);
        RequireLengths(input, output);
        Plan.CheckFinite(_graph.Input, input);
        Run(input, output);
    }

    /// <summary>Computes the outputs of one or more rows of indices, for a model that takes those.</summary>
    /// <param name="indices">Rows of <see cref="InputWidth"/> indices within the model's bound, at most maxBatch of them.</param>
    /// <param name="output">Receives as many rows of <see cref="OutputWidth"/> numbers. After an exception its content is open.</param>
    /// <exception cref="DataException">An index lies outside the bound, or the model takes numbers.</exception>
    /// <inheritdoc cref="Predict"/>
    public void PredictIndices(ReadOnlySpan<int> indices, Span<float> output)
    {
        RequireKind(takesIndices: true);
        ReadOnlySpan<float> input = MemoryMarshal.Cast<int, float>(indices);
        RequireLengths(input, output);
        Plan.CheckLabels(_graph.Input, indices);
        Run(input, output);
    }

    /// <summary>
    /// Copies the values of a model of the same structure, and computes with them from the next call on. Calls that are under way end
    /// with the values they began with. Nobody may train the model during the copy: publish on the thread that trains, between two steps.
    /// </summary>
    /// <exception cref="ShapeException">The model has another structure.</exception>
    /// <exception cref="InvalidOperationException">A value of the model was never drawn, set or loaded.</exception>
    /// <exception cref="ObjectDisposedException">The predictor has been disposed of.</exception>
    public void Publish(Layer model)
    {
        ArgumentNullException.ThrowIfNull(model);
        _pool.ThrowIfDisposed();
        var graph = new PredictorGraph(model);
        _graph.RequireSame(graph);
        Volatile.Write(ref _version, new ModelVersion(graph.Variables));
    }

    /// <summary>Waits for the calls under way; later ones throw.</summary>
    /// <exception cref="InvalidOperationException">Called from inside a call, by a user's op.</exception>
    public void Dispose() => _pool.Dispose();

    private void RequireKind(bool takesIndices)
    {
        if (takesIndices != _graph.TakesIndices)
        {
            throw new DataException(takesIndices
                ? $"the model takes numbers, not indices: call {nameof(Predict)}"
                : $"the model takes indices, not numbers: call {nameof(PredictIndices)}");
        }
    }

    private void RequireLengths(ReadOnlySpan<float> input, Span<float> output)
    {
        int rows = input.Length / InputWidth;
        if (rows < 1 || rows > _maxBatch || input.Length != rows * InputWidth)
        {
            throw new ShapeException($"the input must be 1 to {_maxBatch} rows of {InputWidth} numbers, got {input.Length} numbers");
        }

        if (output.Length != (long)rows * OutputWidth)
        {
            throw new ShapeException($"the output must have room for {rows} rows of {OutputWidth} numbers, got {output.Length}");
        }

        if (input.Overlaps(output))
        {
            throw new ArgumentException("the output must not overlap the input: a batch may be computed in parts", nameof(output));
        }
    }

    // The rows are numbers, or the bits of indices.
    private void Run(ReadOnlySpan<float> input, Span<float> output)
    {
        PredictorSlot slot = _pool.Take();
        try
        {
            using Occupancy.Guard inside = slot.Use.Enter();
            ModelVersion version = Volatile.Read(ref _version);
            while (!input.IsEmpty)
            {
                int left = input.Length / InputWidth, size = _sizes?.Next(left) ?? left, used = Math.Min(size, left);
                Compute(PlanFor(slot, size), version, input[..(used * InputWidth)], output[..(used * OutputWidth)]);
                input = input[(used * InputWidth)..];
                output = output[(used * OutputWidth)..];
            }

            // The plan knows only where the values stand; this is what keeps them there.
            GC.KeepAlive(version);
        }
        finally
        {
            _pool.Return(slot);
        }
    }

    private void Compute(Plan plan, ModelVersion version, ReadOnlySpan<float> input, Span<float> output)
    {
        version.Bind(plan, _graph.Variables);
        Span<float> slot = plan.Fill(_graph.Input);
        input.CopyTo(slot);
        for (int at = input.Length; at < slot.Length; at += InputWidth)
        {
            input[^InputWidth..].CopyTo(slot[at..]);
        }

        if (_graph.TakesIndices)
        {
            // Once more, because another thread may write to the caller's memory meanwhile.
            Plan.CheckLabels(_graph.Input, MemoryMarshal.Cast<float, int>(slot));
        }

        plan.Run();
        plan[_graph.Output].Span[..output.Length].CopyTo(output);
    }

    private Plan PlanFor(PredictorSlot slot, int rows) =>
        slot.Plans.Find(rows) ?? slot.Plans.Add(rows, _graph.Graph.Compile([_graph.Output], _planOptions with { BatchSize = rows }));
}
