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
        Sequential model = CreateModel(workload);
        model.Initialize(1);
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, workload.Widths[0]]);
        Node output = model.Build(x, new BuildContext(graph, BuildMode.Training));
        var options = new PlanOptions
        {
            BatchSize = workload.Batch, Threads = threads, ExactThreads = exactThreads, Products = products,
        };
        var inputs = new PinnedBuffer((long)workload.Batch * workload.Widths[0]);
        foreach (ref float value in inputs.Span)
        {
            value = (float)random.NextNormal();
        }

        if (workload.IsForwardOnly)
        {
            _result = output;
            Plan = graph.Compile([output], options).Bind(x, inputs);
            return;
        }

        var loss = new SoftmaxCrossEntropy();
        Node labels = loss.CreateTargets(output), rate = graph.Input("learning_rate");
        _result = loss.Build(output, labels);
        Parameter[] parameters = [.. model.Parameters];
        Node[] gradients = graph.Gradient(_result, [.. parameters.Select(parameter => graph.Variable(parameter))]);
        Optimizer rule = optimizer();
        Node[] updates = [.. rule.AddUpdates([.. parameters.Zip(gradients)], rate)];
        int[] classes = [.. Enumerable.Range(0, workload.Batch).Select(_ => random.NextInt(workload.Widths[^1]))];
        Plan = graph.Compile([_result, .. updates], options).Bind(x, inputs).BindLabels(labels, classes).Bind(rate, rule.LearningRate);
    }

    public Plan Plan { get; }

    /// <summary>The loss, or the first output of a forward pass: a finite number, or what was measured is worthless.</summary>
    public float Result => Plan[_result].Span[0];

    public void Dispose() => Plan.Dispose();

    private static Sequential CreateModel(Workload workload)
    {
        var layers = new List<Layer>();
        for (int l = 0; l < workload.Layers; l++)
        {
            layers.Add(new Linear(workload.Widths[l], workload.Widths[l + 1]));
            if (l + 1 < workload.Layers)
            {
                layers.Add(workload.Activation == "tanh" ? new Tanh() : new Relu());
            }
        }

        return new Sequential([.. layers]);
    }
}
