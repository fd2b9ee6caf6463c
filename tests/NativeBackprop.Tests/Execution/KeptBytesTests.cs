using NativeBackprop.Cli.Bench;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>What a plan says that it keeps from one pass to the other.</summary>
[TestFixture]
internal sealed class KeptBytesTests
{
    [Test]
    public void A_network_keeps_its_input_its_hidden_units_and_the_gradient_of_its_output()
    {
        using var step = new WorkloadStep(Workload.Find("small"), static () => new Sgd(0.01f), 1);
        Assert.That(step.KeptBytes, Is.EqualTo(64 * (784 + 128 + 10) * sizeof(float)));
    }

    [Test]
    public void A_forward_pass_keeps_nothing()
    {
        using var step = new WorkloadStep(Workload.Find("latency"), static () => new Sgd(0.01f), 1);
        Assert.That(step.KeptBytes, Is.Zero);
    }

    [Test]
    public void What_several_steps_read_counts_once_and_parameters_not_at_all()
    {
        var (graph, weight) = (new Graph(), new Parameter("w", [8]));
        weight.Set(new float[8]);
        Node x = graph.Input("x", [4, 8]), w = graph.Variable(weight), y = (x * w).Tanh(), loss = y.Sum();
        Node[] gradients = [.. graph.Gradient(loss, [w])];
        using Plan plan = graph.Compile([loss, gradients[0], y + 1f, y * 2f]);

        // x and y: the gradient of w is the sum of (1 − y²) ⊙ x over the rows.
        Assert.That(plan.KeptBytes(loss), Is.EqualTo(2 * 4 * 8 * sizeof(float)));
    }

    [Test]
    public void A_part_of_a_kept_value_counts_as_far_as_it_is_read()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [4, 8]), y = x.Tanh(), loss = y.Sum();
        using Plan plan = graph.Compile([loss, y.Slice(0, 1, 2).Exp()]);
        Assert.That(plan.KeptBytes(loss), Is.EqualTo(2 * 8 * sizeof(float)));
    }
}
