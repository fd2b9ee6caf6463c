using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>Rectifiers behind a normalisation and around a pooling, forward and back.</summary>
[TestFixture]
internal sealed class NormalizationFusionTests
{
    private static readonly PoolWindow Window = new(2, 2, 2, 2, 0, 0), Overlapping = new(3, 3, 1, 1, 1, 1);

    private static string[] Steps(Net net, params Node[] outputs)
    {
        using Plan plan = net.Compile(outputs);
        return [.. plan.Kernels.Select(kernel => kernel.Step.Operation.Name)];
    }

    private static (Node Y, Node[] Leaves) BatchNorm(Net net)
    {
        Node x = net.Input("x", [Shape.Batch, 4, 6, 5]), w = net.Variable("w", [5]), b = net.Variable("b", [5]);
        return (net.Graph.Add(new BatchNormalize(1e-3f), x, net.Graph.Add(new BatchStatistics(), x), w, b), [x, w, b]);
    }

    [Test]
    public void Normalisation_and_rectifier_become_one_forward_and_back()
    {
        var net = new Net();
        (Node y, Node[] leaves) = BatchNorm(net);
        Node[] all = [y.Relu(), .. net.Graph.Gradient((y.Relu() * net.Input("u", y.Shape)).Sum(), leaves)];
        Assert.That(Steps(net, all), Does.Contain("batch_normalize_relu").And.Contain("rectified_normalize_sums")
            .And.Contain("rectified_normalize_gradient").And.None.EqualTo("relu_gradient").And.None.EqualTo("batch_normalize"));
        net.AssertAgrees(all);
    }

    [Test]
    public void Normalisation_by_running_statistics_and_its_rectifier_become_one()
    {
        var net = new Net();
        Node x = net.Input("x", [Shape.Batch, 7]);
        Node y = net.Graph.Add(new Normalize(1e-3f), x, net.Variable("mean", [7]), net.Variable("deviation", [7]).Square(),
            net.Variable("w", [7]), net.Variable("b", [7])).Relu();
        Assert.That(Steps(net, y), Does.Contain("normalize_relu"));
        net.AssertAgrees([y, .. net.Graph.Gradient(y.Square().Sum(), x)]);
    }

    [Test]
    public void A_normalised_value_that_others_read_stays()
    {
        var net = new Net();
        (Node y, Node[] leaves) = BatchNorm(net);
        Node cost = (y.Relu() * y.Tanh()).Sum();
        Node[] all = [cost, .. net.Graph.Gradient(cost, leaves)];
        Assert.That(Steps(net, all), Does.Contain("batch_normalize").And.None.EqualTo("batch_normalize_relu"));
        net.AssertAgrees(all);
    }

    // What is behind the rectifier on the way back is wanted, or read by a second derivative.
    [Test]
    public void A_gradient_behind_the_rectifier_that_others_read_stays()
    {
        var net = new Net();
        (Node y, Node[] leaves) = BatchNorm(net);
        Node z = y.Relu(), u = net.Input("u", y.Shape);
        Node[] first = net.Graph.Gradient((z * u).Sum(), [y, .. leaves]);
        Assert.That(Steps(net, first), Does.Contain("relu_gradient").And.Contain("batch_normalize_gradient"));
        net.AssertAgrees(first);
        Node[] second = net.Graph.Gradient(net.Graph.Gradient((z.Square() * u).Sum(), leaves[0])[0].Square().Sum(), leaves);
        net.AssertAgrees(second, tolerance: 3e-5);
    }

    [Test]
    public void Two_normalisations_behind_one_gradient_keep_their_own_rectifiers()
    {
        var net = new Net();
        (Node y, Node[] leaves) = BatchNorm(net);
        Node x = leaves[0];
        Node other = net.Graph.Add(new BatchNormalize(1e-3f), x, net.Graph.Add(new BatchStatistics(), x), leaves[2], leaves[1]);
        Node cost = ((y.Relu() + other.Relu()) * net.Input("u", y.Shape)).Sum();
        Node[] all = [cost, .. net.Graph.Gradient(cost, leaves)];
        Assert.That(Steps(net, all).Count(name => name == "rectified_normalize_gradient"), Is.EqualTo(2));
        net.AssertAgrees(all);
    }

    [TestCase(false)]
    [TestCase(true)]
    public void The_rectifier_before_a_maximum_is_differentiated_behind_it(bool overlaps)
    {
        var net = new Net();
        Node z = net.Input("z", [Shape.Batch, 4, 6, 5]), b = net.Variable("b", [5]);
        Node y = net.Graph.Add(new MaxPool(overlaps ? Overlapping : Window), (z + b).Relu());
        Node[] all = net.Graph.Gradient((y * net.Input("u", y.Shape)).Sum(), [z, b]);
        using Plan plan = net.Compile(all);
        PlanStep rectifier = plan.Kernels.Select(kernel => kernel.Step)
            .Single(step => step.Operation.Name.StartsWith("relu_gradient", StringComparison.Ordinal));
        Assert.That(rectifier.Outputs[0].Shape, Is.EqualTo(y.Shape.Resolve(Net.BatchSize)));
        Assert.That(rectifier.Operation.Name, Is.EqualTo("relu_gradient_bias_sum"), "the sum of the bias's gradient is over the maxima");
        net.AssertAgrees(all);
    }

    [Test]
    public void A_maximum_of_something_else_than_the_rectified_keeps_its_place()
    {
        var net = new Net();
        Node z = net.Input("z", [Shape.Batch, 4, 6, 5]), h = z.Relu();
        Node y = net.Graph.Add(new MaxPool(Window), h * 2);
        Node[] all = net.Graph.Gradient((y * net.Input("u", y.Shape)).Sum(), z);
        net.AssertAgrees(all);
        Node both = net.Graph.Add(new MaxPool(Window), h).Sum() + (h * net.Input("v", h.Shape)).Sum();
        net.AssertAgrees(net.Graph.Gradient(both, z));
    }

    // The same ops around other operands than those that belong together.
    [Test]
    public void A_gradient_of_another_weight_or_another_rectifier_keeps_its_steps()
    {
        var net = new Net();
        (Node y, Node[] leaves) = BatchNorm(net);
        (Node x, Node s, Node z) = (leaves[0], y.Inputs[1], y.Relu());
        Node dy = net.Graph.Add(new ElementwiseGradient(new Relu()), net.Input("u", y.Shape), z);
        Node sums = net.Graph.Add(new BatchNormalizeSums(1e-3f), dy, x, s);
        Node dx = net.Graph.Add(new BatchNormalizeGradient(1e-3f), dy, x, s, sums, net.Variable("another", [5]));
        net.AssertAgrees([z, dx]);

        Node pooled = net.Graph.Add(new MaxPool(Window), z);
        Node routed = net.Graph.Add(new MaxPoolGradient(Window), net.Input("v", pooled.Shape), z, pooled);
        net.AssertAgrees([net.Graph.Add(new ElementwiseGradient(new Relu()), routed, x.Relu())]);
    }
}
