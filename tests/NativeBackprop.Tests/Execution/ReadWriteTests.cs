using NativeBackprop.Ops;
using NativeBackprop.Tests.Differentiation;
using NativeBackprop.Tests.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>
/// A node reads what a variable holds where the node was made, and what differentiation adds reads what the node that it belongs to reads,
/// whatever has been updated before it was asked for.
/// </summary>
[TestFixture]
public sealed class ReadWriteTests
{
    private static readonly float[] Start = [0.5f, -1, 0.25f, 2], Second = [1, 2, -1, 0.5f];

    // What w is after one update by x, and after two.
    private static readonly float[] Once = [0, -2, 0.75f, 1.75f], Twice = [-0.5f, -3, 1.25f, 1.5f];

    [Test]
    public void A_node_asked_for_after_an_update_is_a_new_node_and_reads_the_new_value()
    {
        var setting = new Setting();
        Node before = setting.X * setting.W, same = setting.X * setting.W;
        Assert.That(same, Is.SameAs(before));
        Node unrelated = setting.X.Tanh();
        Node update = setting.Update(setting.X), after = setting.X * setting.W;
        Assert.That(after, Is.Not.SameAs(before));
        Assert.That(setting.X * setting.W, Is.SameAs(after));
        Assert.That(setting.X.Tanh(), Is.SameAs(unrelated), "what reads no variable is the same before and after");
        setting.AssertValues([before, update, after], [0.5f, -2, -0.25f, 1], Once, [0, -4, -0.75f, 0.875f]);
    }

    [Test]
    public void An_update_of_another_variable_keeps_repeated_nodes_the_same()
    {
        var setting = new Setting();
        Node v = setting.Graph.Variable("v", [4], Start), before = setting.X * setting.W;
        _ = setting.Graph.Add(new SgdUpdate(0), v, setting.X, setting.Rate);
        Assert.That(setting.X * setting.W, Is.SameAs(before));
    }

    [Test]
    public void A_view_made_before_an_update_shows_the_new_value_to_whoever_uses_it_afterwards()
    {
        var setting = new Setting();
        Node view = setting.W.Reshape([2, 2]), slice = setting.W.Slice(0, 1, 2), early = view.Square();
        Node update = setting.Update(setting.X), late = view.Square(), lateSlice = slice + 0f;
        Assert.That(late, Is.Not.SameAs(early));
        setting.AssertValues(
            [early, update, late, lateSlice, view], [0.25f, 1, 0.0625f, 4], Once, [0, 4, 0.5625f, 3.0625f], [-2, 0.75f], Once);
    }

    [Test]
    public void A_variable_as_an_output_and_a_view_of_it_show_the_value_after_the_run()
    {
        var setting = new Setting();
        Node view = setting.W.Reshape([2, 2]), first = setting.Update(setting.X), second = setting.Update(setting.X);
        setting.AssertValues([setting.W, view, first, second], Twice, Twice, Twice, Twice);
    }

    [Test]
    public void The_result_of_an_update_used_further_is_the_new_value()
    {
        var setting = new Setting();
        Node updated = setting.Update(setting.X), y = setting.X * updated;
        Node again = setting.Update(setting.X, updated), z = setting.X * again;
        setting.AssertValues([y, z], [0, -4, -0.75f, 0.875f], [-0.5f, -6, -1.25f, 0.75f]);
    }

    [Test]
    public void An_update_that_the_plan_does_not_need_does_not_happen()
    {
        var setting = new Setting();
        _ = setting.Update(setting.X);
        Node after = setting.X * setting.W;
        setting.AssertValues([after, setting.W], [0.5f, -2, -0.25f, 1], Start);
    }

    [TestCase(true)]
    [TestCase(false)]
    public void An_update_that_reads_what_it_writes_reads_the_old_value(bool throughAView)
    {
        var setting = new Setting();
        Node rate = throughAView ? setting.W.Slice(0, 2, 1).Reshape([]) : setting.Rate;
        Node update = setting.Graph.Add(new SgdUpdate(0), setting.W, setting.W, rate);
        float k = throughAView ? 0.25f : 0.5f;
        setting.AssertValues([update], Array.ConvertAll(Start, w => w - (k * w)));
    }

    [Test]
    public void A_gradient_asked_for_after_two_updates_is_that_of_the_old_values()
    {
        AssertSameAsAskedForAtOnce((setting, y) => setting.Graph.Gradient(y, setting.W, setting.X));
    }

    [Test]
    public void A_gradient_with_recomputation_asked_for_after_two_updates_is_that_of_the_old_values()
    {
        AssertSameAsAskedForAtOnce((setting, y) => setting.Graph.GradientWithRecomputation(y, [setting.Middle], [setting.W, setting.X]));
    }

    [Test]
    public void A_Jacobian_vector_product_asked_for_after_two_updates_is_that_of_the_old_values()
    {
        AssertSameAsAskedForAtOnce((setting, y) => [setting.Graph.JacobianVectorProduct(y, [setting.W], [setting.X])]);
    }

    [Test]
    public void A_Hessian_vector_product_asked_for_after_two_updates_is_that_of_the_old_values()
    {
        AssertSameAsAskedForAtOnce((setting, y) => setting.Graph.HessianVectorProduct(y, [setting.W, setting.X], [setting.X, setting.X]));
    }

    [Test]
    public void A_gradient_of_a_gradient_asked_for_in_two_halves_around_updates_is_that_of_the_old_values()
    {
        var (late, early) = (new Setting(), new Setting());
        Node y = Function(early), dy = early.Graph.Gradient(y, early.W)[0];
        float[][] expected = early.Run([early.Graph.Gradient(dy.Square().Sum(), early.W)[0]], new PlanOptions());
        y = Function(late);
        Node first = late.Update(late.X);
        dy = late.Graph.Gradient(y, late.W)[0];
        Node second = late.Update(dy);
        Node twice = late.Graph.Gradient(dy.Square().Sum(), late.W)[0];
        Assert.That(late.Run([first, second, twice], new PlanOptions())[2], Is.EqualTo(expected[0]).Within(1e-5));
    }

    [Test]
    public void The_gradient_of_two_passes_with_an_update_between_adds_the_derivative_of_each_at_its_own_value()
    {
        // f(W) with W old, plus f(W) with W new: each pass is differentiated where it was made, also when asked for after a third update.
        var setting = new Setting();
        Node first = (setting.W * setting.W).Sum(), step = setting.Update(setting.X), second = (setting.W * setting.W * setting.W).Sum();
        Node[] parts = [first, step, setting.Update(setting.X), setting.Graph.Gradient(first + second, setting.W)[0]];
        float[] expected = [.. Start.Zip(Once, (w, u) => (2 * w) + (3 * u * u))];
        Assert.That(setting.Run(parts, new PlanOptions())[3], Is.EqualTo(expected).Within(1e-5));
    }

    [Test]
    public void The_vector_of_a_backward_pass_is_read_where_the_pass_is_asked_for()
    {
        var setting = new Setting();
        Node y = setting.X.Square(), update = setting.Update(setting.X);
        Node dx = setting.Graph.VectorJacobianProduct(y, setting.W, setting.X)[0];
        Node later = setting.Update(setting.X);
        setting.AssertValues([update, later, dx], Twice, Twice, [0, -8, -1.5f, 1.75f]);
    }

    [Test]
    public void A_gradient_that_is_a_variable_keeps_its_value_through_later_updates()
    {
        // The vector itself is what comes out of a reshape's gradient, and a copy has to outlive the update.
        var setting = new Setting();
        Node y = setting.X.Reshape([2, 2]), v = setting.W.Reshape([2, 2]), dx = setting.Graph.VectorJacobianProduct(y, v, setting.X)[0];
        Node update = setting.Update(setting.X), sum = dx + setting.X;
        setting.AssertValues([dx, update, sum], Start, Once, [1.5f, 1, -0.75f, 2.5f]);
        using Plan plan = setting.Graph.Compile([dx, update]);
        Assert.That(plan.Describe().Steps.Select(step => step.Name), Is.EqualTo(new[] { "copy", "sgd_update" }), "the plan prints it");
    }

    [Test]
    public void A_late_reader_needs_a_copy_only_where_it_depends_on_the_update()
    {
        var setting = new Setting();
        Node y = (setting.W * setting.W * setting.W).Sum(), update = setting.Update(setting.X);
        Node early = setting.Graph.Gradient(y, setting.W)[0];
        Node late = setting.Graph.VectorJacobianProduct(y, (setting.W * setting.X).Sum(), setting.W)[0];
        Assert.That(Names(setting, [update, early]), Does.Not.Contain("copy"));
        Assert.That(Names(setting, [update, late]).Count(name => name == "copy"), Is.EqualTo(1));
        float seed = Once.Zip(Second, (w, x) => w * x).Sum();
        setting.AssertValues(
            [update, early, late], Once, Array.ConvertAll(Start, w => 3 * w * w), Array.ConvertAll(Start, w => 3 * w * w * seed));

        static string[] Names(Setting setting, Node[] outputs)
        {
            using Plan plan = setting.Graph.Compile(outputs, new PlanOptions { Fuse = false });
            return [.. plan.Describe().Steps.Select(step => step.Name)];
        }
    }

    [Test]
    public void Unrolled_descent_with_every_gradient_asked_for_at_the_end_is_the_same_as_step_by_step()
    {
        const int Steps = 4;
        var setting = new Setting();
        var losses = new List<Node>();
        for (int i = 0; i < Steps; i++)
        {
            Node loss = ((setting.W * setting.X).Tanh() - setting.X).Square().Sum();
            losses.Add(loss);
            losses.Add(setting.Update(setting.Graph.Gradient(loss, setting.W)[0]));
        }

        Node[] gradients = [.. Enumerable.Range(0, Steps).Select(i => setting.Graph.Gradient(losses[2 * i], setting.W)[0])];
        float[][] unrolled = setting.Run([.. losses, .. gradients], new PlanOptions());

        var single = new Setting();
        Node one = ((single.W * single.X).Tanh() - single.X).Square().Sum(), gradient = single.Graph.Gradient(one, single.W)[0];
        using Plan plan = single.Graph.Compile([one, gradient, single.Update(gradient)]);
        plan.Bind(single.X, Second).Bind(single.Rate, 0.5f);
        for (int i = 0; i < Steps; i++)
        {
            plan.Run();
            Assert.That(unrolled[2 * i][0], Is.EqualTo(plan[one].Item).Within(1e-5), $"loss {i}");
            Assert.That(unrolled[(2 * Steps) + i], Is.EqualTo(plan[gradient].ToArray()).Within(1e-5), $"gradient {i}");
        }
    }

    [Test]
    public void An_update_of_what_is_no_variable_is_refused()
    {
        var setting = new Setting();
        int count = setting.Graph.Nodes.Count;
        Assert.That(() => setting.Graph.Add(new SgdUpdate(0), setting.X, setting.X, setting.Rate),
            Throws.TypeOf<GraphException>().With.Message.EqualTo("sgd_update: input 0 (x) is updated in place, and must be a variable"));
        Assert.That(() => setting.Graph.Add(new MomentumUpdate(0.9f, 0, false), setting.W, setting.X, setting.Rate, setting.W),
            Throws.TypeOf<GraphException>().With.Message.Contains("same variable w"));
        Assert.That(setting.Graph.Nodes, Has.Count.EqualTo(count));
    }

    private static Node Function(Setting setting)
    {
        setting.Middle = (setting.W * setting.X).Tanh();
        return (setting.Middle.Reshape([2, 2]).MatMul(setting.W.Reshape([2, 2])) + setting.W.Reshape([2, 2])).Square().Sum();
    }

    private static void AssertSameAsAskedForAtOnce(Func<Setting, Node, Node[]> derivatives)
    {
        var early = new Setting();
        float[][] expected = early.Run(derivatives(early, Function(early)), new PlanOptions());
        var late = new Setting();
        Node y = Function(late), first = late.Update(late.X), second = late.Update(late.W * late.X);
        Node[] asked = derivatives(late, y);
        foreach (bool fuse in (bool[])[true, false])
        {
            foreach (int threads in (int[])[1, 2, 3])
            {
                var options = new PlanOptions { Fuse = fuse, Threads = threads, ExactThreads = true };
                float[][] actual = late.Run([first, second, y, .. asked], options);
                for (int i = 0; i < asked.Length; i++)
                {
                    Assert.That(actual[3 + i], Is.EqualTo(expected[i]).Within(1e-5), $"derivative {i}, fuse: {fuse}, threads: {threads}");
                }
            }
        }

        Start.CopyTo(((Variable)late.W.Op).Parameter.Span);
        var reference = new ReferenceEvaluator(late.Graph).Set(late.X, Second).Set(late.Rate, [0.5]);
        reference.Run([first, second, y, .. asked]);
        for (int i = 0; i < asked.Length; i++)
        {
            Assert.That(GraphHarness.Distance<float>(expected[i], reference[asked[i]]), Is.LessThan(1e-5), $"reference's derivative {i}");
        }
    }

    /// <summary>A variable w and an input x of four numbers, and w ← w − ½g.</summary>
    private sealed class Setting
    {
        public Setting() => (W, X, Rate) = (Graph.Variable("w", [4], Start), Graph.Input("x", [4]), Graph.Input("rate"));

        public Graph Graph { get; } = new();

        public Node W { get; }

        public Node X { get; }

        public Node Rate { get; }

        public Node Middle { get; set; } = null!;

        public Node Update(Node gradient, Node? w = null) => Graph.Add(new SgdUpdate(0), w ?? W, gradient, Rate);

        public float[][] Run(Node[] outputs, PlanOptions options)
        {
            Span<float> memory = ((Variable)W.Op).Parameter.Span;
            Start.CopyTo(memory);
            using Plan plan = Graph.Compile([.. outputs, (X * Rate).Sum()], options);
            plan.Bind(X, Second).Bind(Rate, 0.5f).Run();
            return [.. outputs.Select(output => plan[output].ToArray())];
        }

        public void AssertValues(Node[] outputs, params float[][] expected)
        {
            foreach (bool fuse in (bool[])[true, false])
            {
                foreach (int threads in (int[])[1, 2, 3])
                {
                    float[][] actual = Run(outputs, new PlanOptions { Fuse = fuse, Threads = threads, ExactThreads = true });
                    for (int i = 0; i < outputs.Length; i++)
                    {
                        Assert.That(actual[i], Is.EqualTo(expected[i]).Within(1e-5), $"{outputs[i]}, fuse: {fuse}, threads: {threads}");
                    }
                }
            }

            Start.CopyTo(((Variable)W.Op).Parameter.Span);
            var reference = new ReferenceEvaluator(Graph).Set(X, Second).Set(Rate, [0.5]).Run(outputs);
            for (int i = 0; i < outputs.Length; i++)
            {
                Assert.That(Norms.Error(expected[i], reference[outputs[i]]), Is.LessThanOrEqualTo(1e-5), $"{outputs[i]} of the reference");
            }
        }
    }
}
