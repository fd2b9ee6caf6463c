using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>What lies along the leading axis is computed where it belongs; what cannot be is copied once; and nobody notices.</summary>
[TestFixture]
public sealed class PlacementTests
{
    [Test]
    public void The_operands_of_a_concatenation_are_computed_in_their_places()
    {
        var net = new Net();
        Node x = net.Input("x", [3, 4]), a = x.Tanh(), b = x.Exp().Slice(0, 0, 2).Square(), c = x.Sum(0).Reshape([1, 4]).Cos();
        Node whole = x.Graph.Add(new Concatenate(0), a, b, c), sum = whole.Sum();
        using Plan plan = net.Compile([whole, sum, b]);
        Assert.That(Names(plan), Has.None.Matches("concatenate|copy|clear"));
        Assert.That(plan.Kernels.Select(kernel => kernel.Step).Where(step => step.Outputs[0].Memory.Length == 24).Count(), Is.EqualTo(3));
        net.AssertAgrees([whole, sum, b]);
        net.AssertAgrees([sum]);
        net.AssertAgrees([.. x.Graph.Gradient((whole * whole).Sum(), x, a)]);
    }

    [Test]
    public void What_cannot_have_one_place_is_copied_once_and_the_plan_says_so()
    {
        var net = new Net();
        Node x = net.Input("x", [2, 4]), w = net.Variable("w", [1, 4]), k = net.Graph.Constant([1, 4], 1, 2, 3, 4), a = x.Tanh();
        Node first = net.Graph.Add(new Concatenate(0), x, w, k, a, a, a.Slice(0, 1, 1)), second = net.Graph.Add(new Concatenate(0), a, x);
        string[] names = Names(net.Compile([first, second]));
        Assert.That(names.Count(name => name == "copy"), Is.EqualTo(7), "x, w, k, the second a, its slice; and in another value a and x");
        Assert.That(names, Has.Length.EqualTo(8));
        net.AssertAgrees([first, second, a]);
        net.AssertAgrees([first.Slice(0, 2, 3).Exp(), second.Square()]);
    }

    [Test]
    public void Concatenations_nest()
    {
        var net = new Net();
        Node x = net.Input("x", [1, 5]), h = x.Tanh();
        for (int i = 0; i < 40; i++)
        {
            h = net.Graph.Add(new Concatenate(0), h, (h.Slice(0, i, 1) * 1.1f).Sin());
        }

        Assert.That(Names(net.Compile([h])), Has.None.Matches("concatenate|copy"));
        net.AssertAgrees([h]);
        net.AssertAgrees([.. net.Graph.Gradient((h * h).Sum(), x)]);
    }

    [Test]
    public void A_pad_along_the_leading_axis_leaves_zeros_around_the_place_of_its_operand()
    {
        var net = new Net();
        Node x = net.Input("x", [2, 3]), y = net.Graph.Add(new Pad(0, 1, 2), x.Tanh());
        Assert.That(Names(net.Compile([y])), Is.EquivalentTo(new[] { "tanh", "clear", "clear" }));
        net.AssertAgrees([y]);
        net.AssertAgrees([net.Graph.Add(new Pad(0, 0, 1), x), net.Graph.Add(new Pad(0, 0, 0), x)]);
    }

    [Test]
    public void An_op_with_two_results_is_one_value_and_two_slices()
    {
        var net = new Net();
        Node x = net.Input("x", [Shape.Batch, 4]), t = net.Input("t", [Shape.Batch, 4]), both = net.Graph.Add(new SinAndCos(), x);
        Node sine = both.Slice(0, 0, 1).Reshape(x.Shape), cosine = both.Slice(0, 1, 1).Reshape(x.Shape);
        Node cost = (sine.Square() * t).Sum() + (cosine * sine.Exp()).Sum();
        Node dx = net.Graph.Gradient(cost, x)[0];
        string[] names = Names(net.Compile([cost, dx]));
        Assert.That(names.Count(name => name == "sin_and_cos"), Is.EqualTo(1));
        Assert.That(names, Has.None.Matches("slice|pad|concatenate|copy|clear"), "two slices forward, one value put together backward");
        net.AssertAgrees([cost, dx, sine]);
        net.AssertAgrees([.. net.Graph.Gradient(dx.Square().Sum(), x), cosine]);
        net.AssertAgrees([net.Graph.Gradient(sine.Sum(), x)[0]]);
    }

    [Test]
    public void The_gradient_of_slices_is_put_together_of_theirs()
    {
        var net = new Net();
        Node x = net.Input("x", [6, 5]);
        Node Part(int start, int length) => x.Slice(0, start, length);
        Node all = (Part(4, 2).Sin().Sum() + Part(0, 1).Exp().Sum()) + (Part(1, 3).Square().Sum() * 0.5f);
        Node gaps = Part(5, 1).Sin().Sum() + Part(1, 2).Exp().Sum(), overlapping = gaps + Part(2, 3).Tanh().Sum() + x.Cos().Sum();
        Node[] gradients = [.. new[] { all, gaps, overlapping }.Select(cost => net.Graph.Gradient(cost, x)[0])];
        Assert.That(Names(net.Compile([gradients[0]])), Has.None.Matches("add|pad|clear|concatenate"));
        Assert.That(Names(net.Compile([gradients[1]])).Count(name => name == "clear"), Is.EqualTo(2));
        Assert.That(Names(net.Compile([gradients[1]])), Has.None.EqualTo("add"));
        foreach (Node gradient in gradients)
        {
            net.AssertAgrees([gradient]);
        }

        net.AssertAgrees(gradients);
    }

    [TestCase(false)]
    [TestCase(true)]
    public void The_products_of_64_steps_that_share_a_weight_become_one(bool costOnTheSequence)
    {
        const int steps = 64;
        (Net net, Node cost, Node wx, Node wh) = Recurrence(steps, costOnTheSequence, initial: false);
        Node[] outputs = [cost, .. net.Graph.Gradient(cost, wx, wh)];
        using Plan plan = net.Compile(outputs);
        Assert.That(WeightProducts(plan), Is.EquivalentTo(new[] { steps * Net.BatchSize, (steps - 1) * Net.BatchSize }));
        Assert.That(Names(plan), Has.None.Matches("^(copy|clear|concatenate|pad)$"));
        Assert.That(Names(plan).Count(name => name == "matmul_add_tanh"), Is.EqualTo(steps - 1), "h·W adds to x·W");
        using Plan unfused = net.Compile(outputs, fuse: false);
        Assert.That(WeightProducts(unfused), Has.Length.EqualTo((2 * steps) - 1));
        Assert.That(plan.Kernels, Has.Count.LessThan(unfused.Kernels.Count - (3 * steps)));
        net.AssertAgrees(outputs);
    }

    [Test]
    public void A_first_state_from_outside_costs_one_product_more()
    {
        (Net net, Node cost, Node wx, Node wh) = Recurrence(9, false, initial: true);
        Node[] outputs = [cost, .. net.Graph.Gradient(cost, wx, wh)];
        Assert.That(WeightProducts(net.Compile(outputs)), Is.EquivalentTo(new[] { 9, 8, 1 }.Select(k => k * Net.BatchSize)));
        net.AssertAgrees(outputs);
    }

    [Test]
    public void Gradient_descent_happens_inside_the_product_of_all_steps()
    {
        (Net net, Node cost, Node wx, Node wh) = Recurrence(8, true, initial: false);
        Node rate = net.Input("rate", []);
        Node[] gradients = net.Graph.Gradient(cost, wx, wh);
        Node[] updates = [.. new[] { wx, wh }.Zip(gradients, (w, g) => net.Graph.Add(new SgdUpdate(0.01f), w, g, rate))];
        Assert.That(Names(net.Compile(updates)).Count(name => name == "matmul_sgd_update"), Is.EqualTo(2));
        net.AssertAgrees([cost, .. updates]);
    }

    [Test]
    public void Other_sums_of_products_accumulate()
    {
        var net = new Net();
        Node[] x = [.. Enumerable.Range(0, 4).Select(i => net.Input($"x{i}", [Shape.Batch, 3 + i]))];
        Node[] w = [.. Enumerable.Range(0, 4).Select(i => net.Variable($"w{i}", [3 + i, 6]))];
        Node b = net.Variable("b", [6]), z = x[0].MatMul(w[0]) + x[1].MatMul(w[1]) + x[2].MatMul(w[2]) + b, y = z.Tanh();
        Assert.That(Names(net.Compile([y])), Is.EqualTo(new[] { "matmul", "matmul_add", "matmul_add_bias_tanh" }));
        Assert.That(net.Compile([y]).Describe().InPlace, Is.EqualTo(2));
        net.AssertAgrees([y]);
        Node kept = x[0].MatMul(w[0]), sum = kept + x[1].MatMul(w[1]);
        net.AssertAgrees([sum, kept.Sum()]);
        net.AssertAgrees([sum + (x[3].MatMul(w[3]) + kept), kept.Square()]);
        net.AssertAgrees([.. net.Graph.Gradient(y.Square().Sum(), [.. x, .. w, b])]);
        Node twice = x[0].MatMul(w[0]) + x[0].MatMul(w[0]);
        net.AssertAgrees([twice, .. net.Graph.Gradient((twice * y).Sum(), x[0], w[0])]);
    }

    [Test]
    public void A_product_adds_to_the_slice_that_it_is_the_last_to_read()
    {
        var net = new Net();
        Node x = net.Input("x", [5, Shape.Batch, 3]), wx = net.Variable("wx", [3, 4]), wh = net.Variable("wh", [4, 4]);
        Node z = x.MatMul(wx), h = z.Slice(0, 0, 1).Reshape([Shape.Batch, 4]).Tanh();
        for (int t = 1; t < 5; t++)
        {
            h = (z.Slice(0, t, 1).Reshape([Shape.Batch, 4]) + h.MatMul(wh)).Tanh();
        }

        using Plan plan = net.Compile([h]);
        Assert.That(Names(plan), Is.EqualTo((string[])["matmul", "tanh", .. Enumerable.Repeat("matmul_add_tanh", 4)]));
        Assert.That(plan.Kernels.Select(kernel => kernel.Step.Outputs[0].Memory).Distinct().Count(), Is.EqualTo(1), "all in place");
        net.AssertAgrees([h]);
        net.AssertAgrees([h, z]);
        Node[] d = net.Graph.Gradient(h.Square().Sum(), x, wx, wh);
        using Plan backward = net.Compile(d);
        Assert.That(WeightProducts(backward), Is.EquivalentTo(new[] { 5 * Net.BatchSize, 4 * Net.BatchSize }));
        Assert.That(Names(backward), Has.None.Matches("^(add|copy|clear|concatenate|pad|slice)$"));
        net.AssertAgrees(d);
    }

    [Test]
    public void Products_over_slices_that_are_not_adjacent_in_one_order_stay_apart()
    {
        var net = new Net();
        Node x = net.Input("x", [8, 3]), y = net.Input("y", [8, 5]);
        Node Sum(params (int X, int Y)[] starts) => starts
            .Select(at => x.Slice(0, at.X, 2).MatMul(y.Slice(0, at.Y, 2), transposeLeft: true)).Aggregate((a, b) => a + b);
        (Node Sum, int[] Products)[] cases =
        [
            (Sum((0, 0), (2, 2), (6, 6)), [4, 2]),
            (Sum((2, 6), (0, 4)), [4]),
            (Sum((0, 2), (2, 0)), [2, 2]),
            (Sum((0, 0), (1, 1)), [2, 2]),
            (Sum((0, 0), (2, 2), (2, 0), (4, 2)), [4, 4]),
        ];
        foreach ((Node sum, int[] products) in cases)
        {
            Assert.That(WeightProducts(net.Compile([sum])), Is.EquivalentTo(products));
            net.AssertAgrees([sum]);
        }
    }

    [Test]
    public void Slices_of_a_parameter_before_and_after_its_update_are_not_one_operand()
    {
        var net = new Net();
        Node w = net.Variable("w", [6, 4]), x = net.Input("x", [6, 5]), rate = net.Input("rate", []), g = net.Input("g", [6, 4]);
        Node Product(Node matrix, int start) => matrix.Slice(0, start, 2).MatMul(x.Slice(0, start, 2), transposeLeft: true);
        Node before = Product(w, 0) + Product(w, 2), updated = net.Graph.Add(new SgdUpdate(0), w, g, rate);
        Node after = Product(updated, 0) + Product(updated, 2) + Product(updated, 4), mixed = Product(updated, 4) + before;
        Assert.That(WeightProducts(net.Compile([before])), Is.EqualTo(new[] { 4 }));
        Assert.That(WeightProducts(net.Compile([after])), Is.EqualTo(new[] { 6 }));
        net.AssertAgrees([before, after]);
        net.AssertAgrees([mixed]);
    }

    [Test]
    public void A_linear_layer_on_a_sequence_is_one_fused_product_each_way()
    {
        var net = new Net();
        Node x = net.Input("x", [Shape.Batch, 5, 3]);
        Node w = net.Variable("w", [3, 4]), b = net.Variable("b", [4]), v = net.Variable("v", [4, 2]);
        Node y = (x.MatMul(w) + b).Tanh(), cost = y.MatMul(v).Square().Sum();
        Node[] d = net.Graph.Gradient(cost, w, b, v, x);
        string[] names = Names(net.Compile(d));
        Assert.That(names, Does.Contain("matmul_bias_tanh").And.Contain("matmul_tanh_gradient_bias_sum"));
        Assert.That(names, Has.None.EqualTo("add").And.None.EqualTo("sum"));
        net.AssertAgrees([cost, .. d]);
        Node stacks = net.Input("stacks", [Shape.Batch, 3, 4]), z = (x.MatMul(stacks) + b).Tanh();
        net.AssertAgrees([z, .. net.Graph.Gradient((z * z).Sum(), x, stacks, b)]);
        net.AssertAgrees([.. net.Graph.Gradient(z.MatMul(stacks, transposeRight: true).Square().Sum(), x, stacks, b)]);
    }

    private static (Net Net, Node Cost, Node Wx, Node Wh) Recurrence(int steps, bool costOnTheSequence, bool initial)
    {
        var net = new Net();
        Node x = net.Input("x", [steps, Shape.Batch, 3]), target = net.Input("target", [steps, Shape.Batch, 5]);
        Node wx = net.Variable("wx", [3, 5]), wh = net.Variable("wh", [5, 5], 0.3f);
        Node? h = initial ? net.Input("h", [Shape.Batch, 5]) : null, cost = null;
        var states = new List<Node>();
        for (int t = 0; t < steps; t++)
        {
            Node z = x.Slice(0, t, 1).Reshape([Shape.Batch, 3]).MatMul(wx);
            h = (h is null ? z : z + h.MatMul(wh)).Tanh();
            Node term = (h * target.Slice(0, t, 1).Reshape([Shape.Batch, 5])).Sum();
            states.Add(h.Reshape([1, Shape.Batch, 5]));
            cost = cost is null ? term : cost + term;
        }

        return (net, costOnTheSequence ? (net.Graph.Add(new Concatenate(0), [.. states]) * target).Sum() : cost!, wx, wh);
    }

    // How many rows each product of a weight's gradient sums over.
    private static int[] WeightProducts(Plan plan) =>
    [
        .. plan.Kernels.Where(kernel => kernel.Kernel.Call.Contains(" TN ", StringComparison.Ordinal))
            .Select(kernel => kernel.Step.Inputs[0].Shape[0]),
    ];

    private static string[] Names(Plan plan) => [.. plan.Kernels.Select(kernel => kernel.Step.Operation.Name)];

    /// <summary>[sin x, cos x] in one value, as an op with two results is.</summary>
    private sealed record SinAndCos : Op
    {
        internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => [2, .. inputs[0]];

        internal override Node? Gradient(Node node, int input, Node dy)
        {
            Node x = node.Inputs[0], sine = node.Slice(0, 0, 1).Reshape(x.Shape), cosine = node.Slice(0, 1, 1).Reshape(x.Shape);
            return (dy.Slice(0, 0, 1).Reshape(x.Shape) * cosine) - (dy.Slice(0, 1, 1).Reshape(x.Shape) * sine);
        }

        internal override void Evaluate(ReferenceArguments arguments)
        {
            double[] x = arguments.Inputs[0];
            for (int i = 0; i < x.Length; i++)
            {
                (arguments.Output[i], arguments.Output[x.Length + i]) = Math.SinCos(x[i]);
            }
        }

        internal override Kernel CreateKernel(KernelArguments arguments)
        {
            (Operand x, Operand y) = (arguments.Inputs[0], arguments.Output);
            return RangeKernel.OfElements("sin_and_cos", x.Length, 3, 0, (begin, count) =>
            {
                for (int i = begin; i < begin + (int)count; i++)
                {
                    (y.Span[i], y.Span[x.Length + i]) = MathF.SinCos(x.Span[i]);
                }
            });
        }
    }
}
