using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;

namespace NativeBackprop.Cli.Bench;

/// <summary>One row's step as a plan: inputs and labels stand in pinned memory, as PyTorch's stand in tensors.</summary>
internal sealed class WorkloadStep : IDisposable
{
    private readonly Node _result;

    /// <param name="workload">The row.</param>
    /// <param name="optimizer">Makes the optimizer; ignored for a forward pass.</param>
    /// <param name="threads">Most threads that the plan may use.</param>
    /// <param name="exactThreads">Take exactly that many, whatever the work and the machine.</param>
    /// <param name="products">What computes the matrix products.</param>
    public WorkloadStep(
        Workload workload, Func<Optimizer> optimizer, int threads, bool exactThreads = false,
        ProductLibrary products = ProductLibrary.Auto)
    {
        var random = new RandomSource(1);
        Sequential model = workload.CreateModel();
        model.Initialize(1);
        var graph = new Graph();
        var rows = new ModelRows(graph, workload.Input);
        var context = new BuildContext(graph, BuildMode.Training);
        Node output = rows.Build(model, context);
        var options = new PlanOptions
        {
            BatchSize = workload.Batch, Threads = threads, ExactThreads = exactThreads, Products = products,
        };
        Action<Plan> bind = Input(workload, rows.Leaf, random);
        if (workload.IsForwardOnly)
        {
            _result = output;
            Plan = graph.Compile([output], options);
            bind(Plan);
            return;
        }

        var loss = new SoftmaxCrossEntropy();
        Node labels = loss.CreateTargets(output), rate = graph.Input("learning_rate");
        _result = loss.Build(output, labels);
        Parameter[] parameters = [.. model.Parameters];
        Node[] gradients = graph.Gradient(_result, [.. parameters.Select(parameter => graph.Variable(parameter))]);
        Optimizer rule = optimizer();
        Node[] updates = [.. rule.AddUpdates([.. parameters.Zip(gradients)], rate)];
        Plan = graph.Compile([_result, .. updates, .. context.Effects], options);
        bind(Plan);
        Plan.BindLabels(labels, Random(labels.Shape.With(0, workload.Batch).Length, workload.Classes, random));
        Plan.Bind(rate, rule.LearningRate);
    }

    public Plan Plan { get; }

    /// <summary>The loss, or the first output of a forward pass: a finite number, or what was measured is worthless.</summary>
    public float Result => Plan[_result].Span[0];

    /// <summary>Bytes that the forward pass leaves for the backward pass; none where there is no backward pass.</summary>
    public long KeptBytes => Plan.KeptBytes(_result);

    public void Dispose() => Plan.Dispose();

    // Draws the rows at once, and hands them to a plan later.
    private static Action<Plan> Input(Workload workload, Node leaf, RandomSource random)
    {
        long length = (long)workload.Batch * workload.Input.Length;
        if (workload.Input.Kind == RowKind.Indices)
        {
            int[] indices = Random((int)length, workload.Input.Bound, random);
            return plan => plan.BindLabels(leaf, indices);
        }

        var inputs = new PinnedBuffer(length);
        foreach (ref float value in inputs.Span)
        {
            value = (float)random.NextNormal();
        }

        return plan => plan.Bind(leaf, inputs);
    }

    private static int[] Random(int count, int bound, RandomSource random) =>
        [.. Enumerable.Range(0, count).Select(_ => random.NextInt(bound))];
}
