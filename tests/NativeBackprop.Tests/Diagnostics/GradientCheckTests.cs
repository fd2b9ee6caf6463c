using NativeBackprop.Data;
using NativeBackprop.Diagnostics;
using NativeBackprop.Interop;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Diagnostics;

[TestFixture]
internal sealed class GradientCheckTests
{
    private static readonly float[] _points = [-2, -1.25f, -0.5f, 0.25f, 1, 1.75f];

    private static LeafReport Check(Elementwise function, params float[] points)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [points.Length]);
        return new GradientCheck(graph, x.Apply(function).Sum()).Set(x, points).Run(x).Leaves.Single();
    }

    [Test]
    public void Network_passes_and_every_leaf_is_reported()
    {
        var model = new Sequential(new Linear(3, 8), new Tanh(), new Linear(8, 4));
        model.Initialize(1);
        Dataset batch = Dataset.FromLabels("rows", [.. Enumerable.Range(0, 15).Select(i => MathF.Sin(i))], 3, [0, 1, 2, 3, 1], 4);
        GradientReport report = GradientCheck.Run(model, new SoftmaxCrossEntropy(), batch);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(report.Passed, Is.True);
            Assert.That(report.Leaves.Select(leaf => leaf.Name), Is.EqualTo(new[] { "0.weight", "0.bias", "2.weight", "2.bias", "x" }));
            Assert.That(report.Leaves.Select(leaf => leaf.Compared), Is.EqualTo(new[] { 24, 8, 32, 4, 15 }));
            Assert.That(report.Leaves.Select(leaf => leaf.Kinks), Is.All.Zero);
            Assert.That(report.Leaves.Select(leaf => leaf.EngineError), Is.All.InRange(0, 1e-6));
            Assert.That(report.Leaves.Select(leaf => leaf.DifferenceError), Is.All.InRange(1e-16, 1e-8));
            Assert.That(report.Leaves[4].Shape, Is.EqualTo(Shape.Create([5, 3])));
            Assert.That(report.EngineLoss, Is.EqualTo(report.Loss).Within(1e-6));
        }
    }

    [Test]
    public void Wrong_gradient_rule_fails_against_differences_alone()
    {
        LeafReport report = Check(WrongRule.Create(), _points);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(report.Passed, Is.False);
            Assert.That(report.DifferenceError, Is.InRange(1e-4, 1));
            Assert.That(report.EngineError, Is.LessThan(1e-6));
            Assert.That(report.Kinks, Is.Zero, "a wrong rule is not a kink");
            Assert.That(report.Worst!.Value.Analytic, Is.Not.EqualTo(report.Worst.Value.Difference).Within(1e-4));
        }
    }

    [Test]
    public void Wrong_kernel_fails_against_double_precision_alone()
    {
        LeafReport report = Check(WrongKernel.Create(), _points);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(report.Passed, Is.False);
            Assert.That(report.EngineError, Is.GreaterThan(1e-2));
            Assert.That(report.DifferenceError, Is.LessThan(1e-8));
        }
    }

    [Test]
    public void Wrong_loss_of_the_engine_fails_though_its_gradient_is_right()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [2]);
        GradientReport report = new GradientCheck(graph, x.Apply(WrongValue.Create()).Sum()).Set(x, (float[])[1, 2]).Run(x);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(report.Leaves.Single().Passed, Is.True);
            Assert.That((report.LossPassed, report.Passed), Is.EqualTo((false, false)));
        }
    }

    [Test]
    public void Elements_at_a_kink_are_counted_and_left_out()
    {
        LeafReport report = Check(new Relu(), -1, 0, 2, 0, 3);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((report.Kinks, report.Compared, report.Passed), Is.EqualTo((2, 3, true)));
            Assert.That(report.DifferenceError, Is.LessThan(1e-8));
        }
    }

    [Test]
    public void Kink_beside_an_element_is_stepped_around()
    {
        // Within the first step of the difference, but not within the finest.
        LeafReport report = Check(new Relu(), 2e-6f, -2e-6f, 1);
        Assert.That((report.Kinks, report.Compared, report.Passed), Is.EqualTo((0, 3, true)));
    }

    [Test]
    public void Sharp_curvature_is_not_a_kink()
    {
        LeafReport report = Check(new Softplus(1000), -0.001f, 0, 0.0005f, 0.3f);
        Assert.That((report.Kinks, report.Compared, report.Passed), Is.EqualTo((0, 4, true)));
    }

    [Test]
    public void Gradient_of_zero_does_not_fail_on_rounding()
    {
        // softmax ignores what is added to all logits, so the gradient of that scalar is 0 but for rounding.
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, 3]), shift = graph.Input("shift"), labels = graph.Labels("labels", 3);
        Node loss = new SoftmaxCrossEntropy().Build(x + shift, labels);
        GradientReport report = new GradientCheck(graph, loss, 2)
            .Set(
                x,
                (float[])[0.1f, -0.7f, 0.3f, 1.1f, 0.2f, -0.4f]).Set(shift, (float[])[0.3f]).SetLabels(labels, (int[])[2, 0]).Run(x, shift);
        Assert.That(report.Passed, Is.True);
    }

    [Test]
    public void Large_leaf_is_sampled_by_the_seed()
    {
        var graph = new Graph();
        float[] values = [.. Enumerable.Range(0, 1000).Select(i => MathF.Sin(i))];
        Node x = graph.Input("x", [1000]);
        LeafReport Run(int elements) =>
            new GradientCheck(
                graph, x.Tanh().Sum(), options: new GradientCheckOptions { MaxElements = elements }).Set(x, values).Run(x).Leaves[0];
        Assert.That((Run(10).Compared, Run(0).Compared), Is.EqualTo((10, 1000)));
    }

    [Test]
    public void Mistakes_are_typed()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [2]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => new GradientCheck(graph, x).Set(x, (float[])[1, 2]).Run(x), Throws.TypeOf<GraphException>());
            Assert.That(() => new GradientCheck(graph, x.Sum()).Set(x, (float[])[1]), Throws.TypeOf<ShapeException>());
            Assert.That(() => new GradientCheck(graph, x.Sum()).Run(x), Throws.InvalidOperationException);
            Assert.That(
                () => new GradientCheck(graph, x.Sum(), options: new GradientCheckOptions { EngineTolerance = 0 }),
                Throws.TypeOf<OptionException>());
        }
    }

    // tanh with a gradient graph that is off by a part in a thousand, for engine and reference alike.
    private static unsafe FunctionRow WrongRule { get; } =
        new("wrong_rule", SavedOperand.Output, &Kernels.nb_tanh_forward_f32, &Kernels.nb_tanh_backward_f32)
        {
            Value = (x, _) => Math.Tanh(x),
            Derivative = (y, _) => 1 - (y * y),
            Shortcut = (y, dy, _) => dy * (1.001f * (1 - y.Square())),
        };

    // tanh whose backward kernel is that of the sigmoid.
    private static unsafe FunctionRow WrongKernel { get; } =
        new("wrong_kernel", SavedOperand.Output, &Kernels.nb_tanh_forward_f32, &Kernels.nb_sigmoid_backward_f32)
        {
            Value = (x, _) => Math.Tanh(x),
            Derivative = (y, _) => 1 - (y * y),
        };

    // 2x whose forward kernel forgets the factor.
    private static unsafe FunctionRow WrongValue { get; } =
        new("wrong_value", SavedOperand.None, &Kernels.nb_identity_forward_f32, &Kernels.nb_identity_backward_f32)
        {
            Value = (x, _) => 2 * x,
            Derivative = (_, _) => 2,
            Shortcut = (_, dy, _) => dy * 2,
        };
}
