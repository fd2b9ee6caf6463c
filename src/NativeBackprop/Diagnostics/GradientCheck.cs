using NativeBackprop.Data;
using NativeBackprop.Layers;
using NativeBackprop.Losses;

namespace NativeBackprop.Diagnostics;

/// <summary>
/// Checks the gradients of a scalar in two ways. The gradient graph, evaluated in double precision by code that shares nothing with the
/// kernels, is held against central differences of the scalar: that checks the gradient rules. The engine's float32 gradients are held
/// against the same double-precision values: that checks kernels, fusion and memory plan.
/// </summary>
/// <remarks>
/// Errors are normwise: ‖a − b‖ / max(‖b‖, 10⁻³·‖all gradients‖). The floor keeps a leaf whose gradient is zero but
/// for rounding from
/// failing on that rounding.
/// <para>
/// Thread safety: for one thread at a time. So is its graph meanwhile.
/// </para>
/// </remarks>
public sealed class GradientCheck
{
    private const double Floor = 1e-3;

    private readonly Graph _graph;
    private readonly Node _loss;
    private readonly int? _batchSize;
    private readonly GradientCheckOptions _options;
    private readonly ReferenceEvaluator _reference;
    private readonly List<Action<Plan>> _bindings = [];

    /// <summary>Prepares the check of a scalar node.</summary>
    /// <exception cref="OptionException">An option is outside its domain.</exception>
    public GradientCheck(Graph graph, Node loss, int? batchSize = null, GradientCheckOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(loss);
        (_graph, _loss, _batchSize) = (graph, loss, batchSize);
        _options = (options ?? new GradientCheckOptions()).Validated();
        _reference = new ReferenceEvaluator(graph, batchSize);
    }

    /// <summary>Gives an input its values.</summary>
    /// <exception cref="ShapeException">The number of values is not the input's.</exception>
    public GradientCheck Set(Node input, ReadOnlySpan<float> values)
    {
        ArgumentNullException.ThrowIfNull(input);
        _reference.Set(input, values);
        float[] copy = values.ToArray();
        _bindings.Add(plan => plan.Bind(input, copy));
        return this;
    }

    /// <summary>Gives an input of class indices its values.</summary>
    /// <exception cref="ShapeException">The number of indices is not the input's.</exception>
    public GradientCheck SetLabels(Node input, ReadOnlySpan<int> labels)
    {
        ArgumentNullException.ThrowIfNull(input);
        int[] copy = labels.ToArray();
        _reference.Set(input, Array.ConvertAll(copy, label => (double)label));
        _bindings.Add(plan => plan.BindLabels(input, copy));
        return this;
    }

    /// <summary>Checks the gradient with respect to some leaves: parameters, inputs.</summary>
    /// <exception cref="GraphException">The node is no scalar.</exception>
    /// <exception cref="InvalidOperationException">An input has no value: set it first.</exception>
    /// <exception cref="OperationCanceledException"><see cref="GradientCheckOptions.CancellationToken"/> asked for it.</exception>
    public GradientReport Run(params ReadOnlySpan<Node> leaves)
    {
        foreach (Node leaf in leaves)
        {
            ArgumentNullException.ThrowIfNull(leaf, nameof(leaves));
        }

        Node[] gradients = _graph.Gradient(_loss, leaves);
        using Plan plan = _graph.Compile([_loss, .. gradients], new PlanOptions { BatchSize = _batchSize, Threads = _options.Threads });
        _bindings.ForEach(bind => bind(plan));
        plan.Run();
        _reference.Run([_loss, .. gradients]);
        double value = _reference[_loss][0];
        double[][] analytic = [.. gradients.Select(gradient => _reference[gradient].ToArray())];
        double all = Math.Sqrt(analytic.Sum(gradient => gradient.Sum(g => g * g)));
        var reports = new LeafReport[leaves.Length];
        for (int i = 0; i < reports.Length; i++)
        {
            reports[i] = Check(leaves[i], analytic[i], plan[gradients[i]].Span, value, Floor * all);
        }

        double engineLoss = plan[_loss].Item;
        return new GradientReport(
            value, engineLoss, Math.Abs(engineLoss - value) <= _options.EngineTolerance * Math.Max(1, Math.Abs(value)), reports);
    }

    /// <summary>
    /// Checks every parameter of a network, and its input, on all rows of a data set as one batch; dropout is the identity.
    /// </summary>
    /// <exception cref="ShapeException">The loss does not fit the model.</exception>
    /// <exception cref="DataException">The rows do not fit the model or the loss.</exception>
    public static GradientReport Run(Layer model, Loss loss, Dataset batch, GradientCheckOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(loss);
        ArgumentNullException.ThrowIfNull(batch);
        var network = new NetworkGradients(model, loss, ModelRows.Of(model, batch.Features));
        network.Check(batch);
        var check = new GradientCheck(network.Graph, network.Loss, batch.Count, options);
        _ = batch.HasIndices ? check.SetLabels(network.Input, batch.Indices) : check.Set(network.Input, batch.Inputs);
        _ = loss.TakesLabels ? check.SetLabels(network.Targets, batch.Labels) : check.Set(network.Targets, batch.Targets);
        return check.Run(network.Leaves);
    }

    private LeafReport Check(Node leaf, double[] analytic, ReadOnlySpan<float> engine, double value, double floor)
    {
        var all = new NormwiseError(floor);
        for (int i = 0; i < analytic.Length; i++)
        {
            all.Add(engine[i], analytic[i]);
        }

        // What one element may be off without spoiling the norm; a difference beyond that is looked at more closely.
        double norm = Math.Max(Math.Sqrt(analytic.Sum(g => g * g)), floor);
        double suspicion = 0.1 * _options.DifferenceTolerance * norm / Math.Sqrt(Math.Max(1, analytic.Length));
        NormwiseError differences = new(floor), smooth = new(floor);
        (int compared, int kinks, double worstError) = (0, 0, -1);
        GradientElement? worst = null;
        foreach (int i in Sample(analytic.Length))
        {
            _options.CancellationToken.ThrowIfCancellationRequested();
            (double difference, bool isKink) = DifferenceAt(leaf, i, value, analytic[i], suspicion);
            if (isKink)
            {
                kinks++;
                continue;
            }

            compared++;
            differences.Add(analytic[i], difference);
            smooth.Add(engine[i], analytic[i]);
            double error = Math.Max(
                Math.Abs(analytic[i] - difference) / _options.DifferenceTolerance,
                Math.Abs(engine[i] - analytic[i]) / _options.EngineTolerance);
            if (!(error <= worstError))
            {
                (worstError, worst) = (error, new GradientElement(i, analytic[i], engine[i], difference));
            }
        }

        // On a kink, rounding decides which side float32 is on; then only elements known to be off it can be compared.
        double engineError = kinks == 0 ? all.Value : smooth.Value;
        return new LeafReport(
            leaf.ToString(), _batchSize is { } rows
                ? leaf.Shape.Resolve(rows)
                : leaf.Shape, compared, kinks, engineError, differences.Value, worst,
            engineError <= _options.EngineTolerance && differences.Value <= _options.DifferenceTolerance);
    }

    private (double Derivative, bool IsKink) DifferenceAt(Node leaf, int position, double value, double expected, double tolerance)
    {
        double[] values = _reference.Leaf(leaf);
        double original = values[position];

        double LossAt(double x)
        {
            values[position] = x;
            return _reference.Run(_loss)[_loss][0];
        }

        try
        {
            return CentralDifference.At(LossAt, original, value, expected, tolerance);
        }
        finally
        {
            values[position] = original;
        }
    }

    private int[] Sample(int count)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        if (_options.MaxElements == 0 || count <= _options.MaxElements)
        {
            return order;
        }

        new RandomSource(_options.Seed).Shuffle(order);
        return [.. order.AsSpan(0, _options.MaxElements).ToArray().Order()];
    }

    /// <summary>‖a − b‖ / max(‖b‖, floor), where 0 / 0 is 0.</summary>
    private struct NormwiseError(double floor)
    {
        private double _error, _norm;

        public readonly double Value => _error == 0 ? 0 : Math.Sqrt(_error) / Math.Max(Math.Sqrt(_norm), floor);

        public void Add(double a, double b) => (_error, _norm) = (_error + ((a - b) * (a - b)), _norm + (b * b));
    }
}
