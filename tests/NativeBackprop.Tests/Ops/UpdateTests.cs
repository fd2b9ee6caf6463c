using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Ops;

/// <summary>Optimizers' steps in float32, over several steps with changing rates, against the double reference.</summary>
[TestFixtureSource(typeof(UpdateTable), nameof(UpdateTable.Rows))]
internal sealed class UpdateTests(UpdateRow row)
{
    [Test]
    public void Steps_of_every_length_agree_with_the_reference()
    {
        for (int length = 0; length <= 257; length++)
        {
            double error = new UpdateCase(row, length).RunAgainstReference(4, new PlanOptions { Threads = 1, ExactThreads = true });
            Assert.That(error, Is.LessThanOrEqualTo(1e-5), $"length {length}");
        }
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public void Steps_on_threads_agree_with_the_reference(int threads)
    {
        var example = new UpdateCase(row, 50_003);
        using (Plan plan = example.Graph.Compile([example.Step], new PlanOptions { Threads = threads, ExactThreads = true }))
        {
            Assert.That(plan.Kernels[^1].Threads, Is.EqualTo(threads));
        }

        Assert.That(example.RunAgainstReference(3, new PlanOptions { Threads = threads, ExactThreads = true }), Is.LessThanOrEqualTo(1e-5));
    }

    [Test]
    public void A_step_changes_the_parameter_in_place()
    {
        var example = new UpdateCase(row, 5);
        float[] before = example.Parameter.Value.ToArray();
        using Plan plan = example.Graph.Compile([example.Step]);
        plan.Bind(example.Gradient, [1f, 1, 1, 1, 1]).Bind(example.Rate, 0.5f).Run();
        Assert.That(example.Parameter.Value.ToArray(), Is.Not.EqualTo(before));
        Assert.That(plan[example.Step].ToArray(), Is.EqualTo(example.Parameter.Value.ToArray()));
    }

    [Test]
    public void A_step_has_no_gradient()
    {
        var example = new UpdateCase(row, 5);
        Assert.That(
            () => example.Graph.Gradient(example.Step.Sum(), example.Gradient),
            Throws.TypeOf<GraphException>().With.Message.Contains("no gradient"));
    }

    [Test]
    public void A_gradient_of_another_shape_is_refused()
    {
        var example = new UpdateCase(row, 5);
        Node[] inputs = example.Step.Inputs.ToArray();
        inputs[1] = example.Graph.Input("other", [6]);
        Assert.That(() => example.Graph.Add(row.Op, inputs), Throws.TypeOf<ShapeException>()
            .With.Message.Contains("[5]").And.Message.Contains("[6]").And.Message.Contains(row.Op.Name));
    }
}
