using NativeBackprop.Interop;
using NativeBackprop.Ops;
using NativeBackprop.Tests.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>Each rewriting rule fires where it should, and not where somebody else still needs what it would swallow.</summary>
[TestFixture]
public sealed class FusionTests
{
    private static readonly Elementwise[] Functions = [new Relu(), new Tanh(), new Gelu(), new Softplus(2), new LeakyRelu(0.1f), new Cos(),
        NativeBackprop.Ops.Functions.Identity.Create()];

    [Test]
    public void Product_bias_and_activation_become_one()
    {
        foreach (Elementwise function in Functions.Where(function => function.Row != NativeBackprop.Ops.Functions.Identity))
        {
            var net = new Net();
            Node y = (net.Product + net.Bias).Apply(function);
            Assert.That(net.Steps([y]), Is.EqualTo(new[] { $"matmul_bias_{function.Name}" }));
        }
    }

    [Test]
    public void Product_and_bias_with_the_bias_on_either_side_or_as_a_row_become_one()
    {
        var net = new Net();
        Assert.That(net.Steps([net.Product + net.Bias]), Is.EqualTo(new[] { "matmul_bias" }));
        Assert.That(net.Steps([net.Bias + net.Product]), Is.EqualTo(new[] { "matmul_bias" }));
        Assert.That(net.Steps([net.Product + net.Bias.Reshape([1, 5])]), Is.EqualTo(new[] { "matmul_bias" }));
        Assert.That(net.Steps([net.Product.Tanh()]), Is.EqualTo(new[] { "matmul_tanh" }));
    }

    [Test]
    public void A_product_that_would_need_a_copy_of_what_an_update_overwrites_stays_where_it_is()
    {
        var net = new Net();
        Node step = net.Graph.Add(new SgdUpdate(0), net.W, net.Variable("v", [4, 5]), net.Input("rate", []));
        Node sum = net.Product + step.Sum(0);
        Assert.That(net.Steps([sum]), Is.EqualTo(new[] { "matmul", "sgd_update", "sum", "add" }));
        net.AssertUnfusedAgrees([sum]);
    }

    [TestCase(1)]
    [TestCase(2)]
    public void The_gradient_through_a_stack_of_products_and_its_bias_sum_cover_the_whole_stack(int threads)
    {
        // More columns than matrices, and fewer.
        foreach (int width in (int[])[2, 70])
        {
            var graph = new Graph();
            var random = new RandomSource(3);
            float[] Values(int length) => [.. Enumerable.Range(0, length).Select(_ => (float)random.NextNormal())];
            (float[] xs, float[] ms) = (Values(4 * 3 * 5), Values(4 * 3 * 3));
            Node x = graph.Input("x", [4, 3, 5]), mix = graph.Input("mix", [4, 3, 3]);
            Node w = graph.Variable("w", [5, width], Values(5 * width)), b = graph.Variable("b", [width], Values(width));
            Node cost = mix.MatMul((x.MatMul(w) + b).Tanh()).Square().Sum();
            Node[] gradients = graph.Gradient(cost, [w, b]);
            ReferenceEvaluator reference = new ReferenceEvaluator(graph).Set(x, xs).Set(mix, ms).Run(gradients);
            foreach (ProductLibrary products in NativeLibraries.HasBlas ? Enum.GetValues<ProductLibrary>() : [ProductLibrary.Own])
            {
                using Plan plan = graph.Compile(gradients, new PlanOptions { Threads = threads, ExactThreads = true, Products = products });
                plan.Bind(x, xs).Bind(mix, ms).Run();
                Assert.That(Norms.Error(plan[gradients[0]].ToArray(), reference[gradients[0]]), Is.LessThan(1e-5), $"{products}, w");
                Assert.That(Norms.Error(plan[gradients[1]].ToArray(), reference[gradients[1]]), Is.LessThan(1e-5), $"{products}, b");
            }
        }
    }

    [Test]
    public void What_is_no_bias_is_added_by_itself()
    {
        var net = new Net();
        Node other = net.Input("other", [Shape.Batch, 5]), column = net.Input("column", [Shape.Batch, 1]), scalar = net.Input("scalar", []);
        Assert.That(net.Steps([net.Product + other]), Is.EqualTo(new[] { "matmul", "add" }));
        Assert.That(net.Steps([net.Product + column]), Is.EqualTo(new[] { "matmul", "add" }));
        Assert.That(net.Steps([net.Product + scalar]), Is.EqualTo(new[] { "matmul", "add" }));
        Assert.That(net.Steps([net.Product + net.Product]), Is.EqualTo(new[] { "matmul", "add" }));
        Assert.That(net.Steps([net.Bias + net.Input("m", [4, 5])]), Is.EqualTo(new[] { "add" }));
    }

    [Test]
    public void A_product_that_is_wanted_or_read_by_others_stays_as_it_is()
    {
        var net = new Net();
        Assert.That(net.Steps([net.Product, net.Product + net.Bias]), Is.EqualTo(new[] { "matmul", "add" }));
        Assert.That(net.Steps([net.Product + net.Bias, net.Product.Exp().Sum()]), Does.Contain("add"));
        Assert.That(net.Steps([net.Product.Tanh(), net.Product]), Is.EqualTo(new[] { "matmul", "tanh" }));
        Assert.That(net.Steps([net.Product.Log()]), Is.EqualTo(new[] { "matmul", "log" }), "a function with a domain looks at its operand");
    }

    [Test]
    public void A_product_that_a_view_shows_stays_as_it_is()
    {
        var net = new Net();
        Node view = net.Product.Reshape([5, Shape.Batch]), y = (net.Product + net.Bias).Tanh();
        net.AssertUnfusedAgrees([view, y]);
        net.AssertUnfusedAgrees([view.Exp(), y]);
        Node z = net.Product + net.Bias;
        net.AssertUnfusedAgrees([z.Reshape([5, Shape.Batch]), z.Tanh()]);
        net.AssertUnfusedAgrees([z.Reshape([5, Shape.Batch]).Square(), z.Relu()]);
    }

    [Test]
    public void The_argument_is_kept_where_the_derivative_reads_it_and_only_there()
    {
        foreach (Elementwise function in Functions.Where(function => function.Row != NativeBackprop.Ops.Functions.Identity))
        {
            var net = new Net();
            Node y = (net.Product + net.Bias).Apply(function), dw = net.Graph.Gradient((y * net.U).Sum(), net.W)[0];
            PlanStep affine = net.Plan([y, dw]).Kernels[0].Step;
            Assert.That(affine.Operation.Name, Is.EqualTo($"matmul_bias_{function.Name}"));
            Assert.That(affine.Outputs, Has.Length.EqualTo(function.Saved == SavedOperand.Input ? 2 : 1));
            net.AssertUnfusedAgrees([y, dw]);
        }
    }

    [Test]
    public void A_wanted_argument_is_kept()
    {
        var net = new Net();
        Node z = net.Product + net.Bias, y = z.Tanh();
        Assert.That(net.Steps([y, z]), Is.EqualTo(new[] { "matmul_bias_tanh" }));
        net.AssertUnfusedAgrees([y, z]);
        net.AssertUnfusedAgrees([y, z.Square().Sum()]);
        net.AssertUnfusedAgrees([y, z.Relu(), z.Exp()]);
    }

    [Test]
    public void Derivative_and_bias_sum_become_one_and_take_in_the_product_before()
    {
        foreach (Elementwise function in Functions.Where(function => function.Row != NativeBackprop.Ops.Functions.Identity))
        {
            var net = new Net();
            Node v = net.Input("v", [5, 6]), t = net.Input("t", [Shape.Batch, 6]);
            Node h = (net.Product + net.Bias).Apply(function), y = h.MatMul(v);
            Node[] d = net.Graph.Gradient((y * t).Sum(), net.W, net.Bias, v);
            Assert.That(net.Steps(d), Does.Contain($"matmul_{function.Name}_gradient_bias_sum"));
            Assert.That(net.Steps([d[0]]), Does.Contain($"matmul_{function.Name}_gradient"));
            net.AssertUnfusedAgrees(d);

            Node[] direct = net.Graph.Gradient((h * net.U).Sum(), net.W, net.Bias);
            Assert.That(net.Steps(direct), Does.Contain($"{function.Name}_gradient_bias_sum"));
            net.AssertUnfusedAgrees(direct);
        }
    }

    [Test]
    public void A_gradient_that_is_wanted_stays_visible()
    {
        var net = new Net();
        Node z = net.Product + net.Bias, h = z.Tanh(), v = net.Input("v", [5, 6]), y = h.MatMul(v), t = net.Input("t", [Shape.Batch, 6]);
        Node[] d = net.Graph.Gradient((y * t).Sum(), h, z, net.Bias);
        Assert.That(net.Steps(d), Does.Not.Contain("matmul_tanh_gradient_bias_sum").And.Contain("tanh_gradient_bias_sum"),
            "dh is wanted, so that its product is");
        net.AssertUnfusedAgrees(d);
        Node[] withoutH = [d[1], d[2]];
        Assert.That(net.Steps(withoutH), Does.Contain("matmul_tanh_gradient_bias_sum"));
        net.AssertUnfusedAgrees(withoutH);
        net.AssertUnfusedAgrees([d[0].Reshape([5, Shape.Batch]), d[2]]);
        net.AssertUnfusedAgrees([d[0].Reshape([5, Shape.Batch]).Exp(), d[1]]);
    }

    [Test]
    public void Loss_and_its_gradient_become_one()
    {
        var net = new Net();
        Node loss = net.Graph.Add(new SoftmaxCrossEntropyPerExample(false), net.Product, net.Labels(5)), cost = loss.Mean();
        Node dz = net.Graph.Gradient(cost, net.W)[0];
        Assert.That(
            net.Steps([cost, dz]), Does.Contain("softmax_cross_entropy_with_gradient").And.Not.Contain("softmax_cross_entropy_gradient"));
        Assert.That(net.Steps([cost]), Does.Contain("softmax_cross_entropy"));
        net.AssertUnfusedAgrees([cost, dz]);

        Node target = net.Input("target", [Shape.Batch, 5]), squared = net.Graph.Add(new SquaredError(), net.Product, target).Mean();
        Node[] both = net.Graph.Gradient(squared, net.W, target);
        Assert.That(net.Steps([squared, both[0]]), Does.Contain("squared_error_with_gradient"));
        net.AssertUnfusedAgrees([squared, .. both]);
    }

    [Test]
    public void A_loss_whose_weight_is_computed_is_left_alone()
    {
        var net = new Net();
        Node target = net.Input("target", [Shape.Batch, 5]), loss = net.Graph.Add(new SquaredError(), net.Product, target);
        Node weighted = (loss * loss).Mean(), dw = net.Graph.Gradient(weighted, net.W)[0];
        Assert.That(net.Steps([weighted, dw]), Does.Contain("squared_error").And.Contain("squared_error_gradient"));
        net.AssertUnfusedAgrees([weighted, dw]);
    }

    [Test]
    public void Gradient_descent_happens_inside_the_product()
    {
        var net = new Net();
        Node w = net.W, rate = net.Input("rate", []), loss = (net.Product * net.U).Sum();
        Node dw = net.Graph.VectorJacobianProduct(net.Product, net.U, w)[0];
        Node step = net.Graph.Add(new SgdUpdate(0.01f), w, dw, rate);
        Assert.That(net.Steps([step]), Is.EqualTo(new[] { "matmul_sgd_update" }));
        Assert.That(net.Steps([step, dw]), Is.EqualTo(new[] { "matmul", "sgd_update" }), "the gradient is wanted");
        Node penalised = net.Graph.Add(new SgdUpdate(0.01f), w, net.Graph.Gradient(loss + (0.5f * w.Square().Sum()), w)[0], rate);
        net.AssertUnfusedAgrees([step]);
        net.AssertUnfusedAgrees([step, dw]);
        net.AssertUnfusedAgrees([penalised]);
        net.AssertUnfusedAgrees([step, dw.Reshape([5, 4])]);
        net.AssertUnfusedAgrees([step, dw.Reshape([5, 4]).Square()]);
    }

    [Test]
    public void Gradient_descent_takes_in_a_penaltys_gradient()
    {
        var net = new Net();
        Node rate = net.Input("rate", []), dw = net.Graph.VectorJacobianProduct(net.Product, net.U, net.W)[0];
        Node penalty = 0.3f * net.W;
        foreach (Node gradient in (Node[])[dw + penalty, penalty + dw])
        {
            Node step = net.Graph.Add(new SgdUpdate(0.01f), net.W, gradient, rate);
            Assert.That(net.Steps([step]), Is.EqualTo(new[] { "matmul_sgd_update" }));
            Assert.That(net.Steps([step, penalty]), Is.EqualTo(new[] { "scale", "matmul_sgd_update" }));
            net.AssertUnfusedAgrees([step]);
            net.AssertUnfusedAgrees([step, penalty]);
        }

        Node other = net.Graph.Add(new SgdUpdate(0), net.W, dw + (0.3f * net.Graph.Variable("other", [4, 5], new float[20])), rate);
        Assert.That(net.Steps([other]), Does.Not.Contain("matmul_sgd_update"), "the decay of another tensor is no decay");
    }

    [Test]
    public void Gradient_descent_on_a_parameter_seen_through_a_view_agrees_with_the_unfused_one()
    {
        var net = new Net();
        Node flat = net.Variable("flat", [20]), rate = net.Input("rate", []);
        Node d = net.Graph.Gradient((net.X.MatMul(flat.Reshape([4, 5])) * net.U).Sum(), flat)[0];
        Node step = net.Graph.Add(new SgdUpdate(0), flat, d, rate);
        net.AssertUnfusedAgrees([step]);
        net.AssertUnfusedAgrees([step, d]);

        Node folded = net.Variable("folded", [1, 5, 1]), h = (net.Product + folded.Reshape([5])).Tanh();
        Node[] db = net.Graph.Gradient((h * net.U).Sum(), folded);
        net.AssertUnfusedAgrees([net.Graph.Add(new SgdUpdate(0), folded, db[0], rate)]);
    }

    /// <summary>x·W with a bias, and a U of the result's shape; every leaf gets values, parameters are reset before every run.</summary>
    private sealed class Net
    {
        private readonly Dictionary<Node, float[]> _values = [];
        private readonly RandomSource _random = new(5);

        public Net()
        {
            (X, U, W, Bias) = (Input("x", [Shape.Batch, 4]), Input("u", [Shape.Batch, 5]), Variable("w", [4, 5]), Variable("b", [5]));
            Product = X.MatMul(W);
        }

        public Graph Graph { get; } = new();

        public Node X { get; }

        public Node U { get; }

        public Node W { get; }

        public Node Bias { get; }

        public Node Product { get; }

        public Node Input(string name, Shape shape) => Draw(Graph.Input(name, shape));

        public Node Variable(string name, Shape shape) => Draw(Graph.Variable(name, shape, new float[shape.Length]));

        public Node Labels(int classes) => Graph.Labels("labels", classes);

        public string[] Steps(ReadOnlySpan<Node> outputs) => [.. Plan(outputs).Kernels.Select(kernel => kernel.Step.Operation.Name)];

        public Plan Plan(ReadOnlySpan<Node> outputs, bool fuse = true) =>
            Graph.Compile(outputs, new PlanOptions { BatchSize = 3, Threads = 1, Fuse = fuse });

        public void AssertUnfusedAgrees(Node[] outputs)
        {
            float[][] fused = Run(outputs, true), unfused = Run(outputs, false);
            ReferenceEvaluator reference = new(Graph, 3);
            foreach ((Node leaf, float[] values) in _values)
            {
                reference.Set(leaf, values);
            }

            foreach (Node labels in Graph.Nodes.Where(node => node.Op is Indices))
            {
                reference.Set(labels, [2d, 0, 4]);
            }

            reference.Run(outputs);
            for (int i = 0; i < outputs.Length; i++)
            {
                Assert.That(Norms.Error(unfused[i], reference[outputs[i]]), Is.LessThanOrEqualTo(1e-5), $"{outputs[i]} without fusion");
                Assert.That(Norms.Error(fused[i], reference[outputs[i]]), Is.LessThanOrEqualTo(1e-5), $"{outputs[i]} fused");
            }
        }

        private Node Draw(Node leaf)
        {
            Domains.Normal(_values[leaf] = new float[leaf.Shape.Resolve(3).Length], _random);
            return leaf;
        }

        private float[][] Run(Node[] outputs, bool fuse)
        {
            using Plan plan = Plan(outputs, fuse);
            foreach (Node node in OpCase.Reachable(outputs))
            {
                if (node.Op is Indices)
                {
                    plan.BindLabels(node, (int[])[2, 0, 4]);
                }
                else if (node.Op is Variable variable)
                {
                    _values[node].CopyTo(variable.Parameter.Span);
                }
                else if (_values.TryGetValue(node, out float[]? values))
                {
                    plan.Bind(node, values);
                }
            }

            plan.Run();
            return [.. outputs.Select(output => plan[output].ToArray())];
        }
    }
}
