using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NUnit.Framework;

namespace NativeBackprop.Tests.Differentiation;

public class SecondOrderTests
{
    private static readonly float[] XorInputs = [0, 0, 0, 1, 1, 0, 1, 1], XorTargets = [0, 1, 1, 0];

    [Test]
    public void The_Hessian_of_XOR_by_products_is_the_one_by_differences_of_the_gradient()
    {
        Problem xor = Xor();
        using var hessian = new HessianOperator(xor.Cost, xor.Variables, new PlanOptions { BatchSize = 4 });
        hessian.Plan.Bind(xor.Input, XorInputs).Bind(xor.Targets, XorTargets);
        Assert.That(hessian.Size, Is.EqualTo(9));
        double[] expected = HessianByDifferences(xor), actual = new double[81];
        for (int column = 0; column < 9; column++)
        {
            double[] unit = new double[9];
            unit[column] = 1;
            hessian.Apply(unit, actual.AsSpan(column * 9, 9));
        }

        Assert.That(GraphHarness.Distance<double>(actual, expected), Is.LessThan(1e-5));
        for (int i = 0; i < 81; i++)
        {
            Assert.That(actual[i], Is.EqualTo(actual[(i % 9 * 9) + (i / 9)]).Within(1e-6), "symmetric");
        }
    }

    [Test]
    public void A_solution_and_the_leading_eigenvalue_of_the_Hessian_of_XOR()
    {
        Problem xor = Xor();
        using var hessian = new HessianOperator(xor.Cost, xor.Variables, new PlanOptions { BatchSize = 4 });
        hessian.Plan.Bind(xor.Input, XorInputs).Bind(xor.Targets, XorTargets);
        double[] matrix = HessianByDifferences(xor);

        // The top eigenvalue of the 9 by 9 matrix by the power method, shifted so that it leads in magnitude too.
        double[] v = [.. GraphHarness.Random(9, 1).Select(value => (double)value)];
        double top = 0;
        for (int i = 0; i < 20_000; i++)
        {
            double[] w = [.. Enumerable.Range(0, 9).Select(r => (10 * v[r]) + Enumerable.Range(0, 9).Sum(c => matrix[(r * 9) + c] * v[c]))];
            top = Math.Sqrt(w.Sum(value => value * value));
            v = [.. w.Select(value => value / top)];
        }

        LanczosResult lanczos = Lanczos.Leading(hessian, tolerance: 1e-5);
        Assert.That(lanczos.Eigenvalues[0], Is.EqualTo(top - 10).Within(1e-3 * Math.Abs(top - 10)));

        // Damped until it is positive definite, H x = b has the solution that its own product says.
        double[] b = [.. GraphHarness.Random(9, 2).Select(value => (double)value)], product = new double[9];
        ConjugateGradientResult solve = ConjugateGradient.Solve(hessian, b, damping: 2, tolerance: 1e-5);
        Assert.That(solve.Status, Is.EqualTo(ConjugateGradientStatus.Converged));
        for (int r = 0; r < 9; r++)
        {
            product[r] = (2 * solve.Solution[r]) + Enumerable.Range(0, 9).Sum(c => matrix[(r * 9) + c] * solve.Solution[c]);
        }

        Assert.That(GraphHarness.Distance<double>(product, b), Is.LessThan(1e-4));
    }

    [Test]
    public void Newton_steps_solve_a_least_squares_problem_at_once()
    {
        var model = new Sequential(new Linear(3, 2));
        model.Initialize(1);
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, 3]), t = graph.Input("t", [Shape.Batch, 2]);
        using var newton = new NewtonCg(
            new MeanSquaredError().Build(model.Build(x, BuildMode.Training), t), model.Parameters, new PlanOptions { BatchSize = 20 });
        float[] inputs = GraphHarness.Random(60, 1), targets = new float[40];
        for (int i = 0; i < 40; i++)
        {
            targets[i] = 0.5f + (inputs[i / 2 * 3] * (i % 2 == 0 ? 2 : -1)) + inputs[(i / 2 * 3) + 2];
        }

        newton.Bind(x, inputs).Bind(t, targets);
        NewtonStep step = newton.Step(damping: 0, tolerance: 1e-7, maxIterations: 100);
        Assert.That(step.LossBefore, Is.GreaterThan(0.1));
        Assert.That(step.LossAfter, Is.LessThan(1e-9), "a quadratic has its minimum where Newton's step ends");
        Assert.That(step.Length, Is.EqualTo(1));
    }

    [Test]
    public void Newton_steps_learn_XOR_and_never_raise_the_loss()
    {
        Problem xor = Xor();
        using var newton = new NewtonCg(xor.Cost, xor.Model.Parameters, new PlanOptions { BatchSize = 4 });
        newton.Bind(xor.Input, XorInputs).Bind(xor.Targets, XorTargets);
        double loss = double.MaxValue;
        for (int i = 0; i < 100; i++)
        {
            NewtonStep step = newton.Step();
            Assert.That(step.LossAfter, Is.LessThanOrEqualTo(step.LossBefore));
            loss = step.LossAfter;
        }

        Assert.That(loss, Is.LessThan(1e-4));
    }

    [Test]
    public void Jacobian_vector_products_agree_with_vector_Jacobian_products()
    {
        (Graph graph, Node x, Node y, Parameter[] parameters) = Network();
        Node[] wrt = [x, .. parameters.Select(parameter => graph.Variable(parameter))];
        var harness = new GraphHarness(graph, 8).Set(x, GraphHarness.Random(8 * 12, 1));
        Node u = graph.Input("u", y.Shape);
        harness.Set(u, GraphHarness.Random(8 * 5, 2));
        Node[] v = [.. wrt.Select((node, i) => graph.Input($"v{i}", node.Shape))];
        for (int i = 0; i < v.Length; i++)
        {
            harness.Set(v[i], GraphHarness.Random(v[i].Shape, 8, (ulong)i + 3));
        }

        // ⟨u, Jv⟩ = ⟨uᵀJ, v⟩.
        Node forward = (u * graph.JacobianVectorProduct(y, wrt, v)).Sum();
        Node reverse = ForwardMode.Inner(graph.VectorJacobianProduct(y, u, wrt), v);
        float[][] results = harness.Run([forward, reverse]);
        Assert.That(results[0][0], Is.EqualTo(results[1][0]).Within(1e-5 * Math.Abs(results[1][0])));
        double[][] reference = harness.Reference([forward]);
        Assert.That(results[0][0], Is.EqualTo(reference[0][0]).Within(1e-5 * Math.Abs(reference[0][0])));
    }

    [Test]
    public void Gradients_of_gradients_of_gradients_are_right()
    {
        // The derivatives of x³·eˣ at 1: 4e, 13e, 34e.
        var graph = new Graph();
        Node x = graph.Input("x"), f = x.Power(3) * x.Exp();
        Node first = graph.Gradient(f, x)[0], second = graph.Gradient(first, x)[0], third = graph.Gradient(second, x)[0];
        float[][] results = new GraphHarness(graph).Set(x, 1f).Run([first, second, third]);
        Assert.That(results.Select(result => result[0] / Math.E), Is.EqualTo(new double[] { 4, 13, 34 }).AsCollection.Within(1e-4));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void A_Hessian_vector_product_costs_at_most_three_gradients(bool useRelu)
    {
        var model = new Sequential(
            new Linear(256, 256), useRelu ? new Relu() : new Tanh(), new Linear(256, 256), useRelu ? new Relu() : new Tanh(),
            new Linear(256, 10));
        model.Initialize(1);
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, 256]), y = model.Build(x, BuildMode.Training);
        var loss = new SoftmaxCrossEntropy();
        Node cost = loss.Build(y, loss.CreateTargets(y));
        Node[] variables = [.. model.Parameters.Select(parameter => graph.Variable(parameter))];
        var options = new PlanOptions { BatchSize = 64 };
        using Plan gradient = graph.Compile(graph.Gradient(cost, variables), options);
        using var hessian = new HessianOperator(cost, variables, options);
        TestContext.Out.WriteLine($"HVP / gradient: {(double)hessian.Plan.Flops / gradient.Flops:0.000}");
        Assert.That((double)hessian.Plan.Flops / gradient.Flops, Is.LessThanOrEqualTo(3));
    }

    [Test]
    public void The_Hessian_of_a_linear_block_is_zero()
    {
        var graph = new Graph();
        Node a = graph.Variable("a", [2], 1, 2), b = graph.Variable("b", [2], 3, 4);
        using var hessian = new HessianOperator(a.Square().Sum() + b.Sum(), [a, b]);
        double[] product = new double[4];
        hessian.Apply([1, 10, 100, 1000], product);
        Assert.That(product, Is.EqualTo(new double[] { 2, 20, 0, 0 }));
        Assert.That(hessian.Loss, Is.EqualTo(12));
        Assert.That(() => hessian.Apply([1], product), Throws.TypeOf<ShapeException>());
    }

    [Test]
    public void Errors_name_what_is_wrong()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [3]), batch = graph.Input("batch", [Shape.Batch]);
        Assert.That(
            () => graph.Gradient(x.Square(), x),
            Throws.TypeOf<GraphException>().With.Message.Contains("the gradient needs a scalar, but square#2 has the shape [3]"));
        Assert.That(() => new HessianOperator(batch.Square().Sum(), [batch]), Throws.TypeOf<ShapeException>());
        Assert.That(() => graph.HessianVectorProduct(x.Square().Sum(), [x], []), Throws.TypeOf<ShapeException>());
    }

    [Test]
    public void A_hessian_that_is_refused_adds_nothing()
    {
        var graph = new Graph();
        Node a = graph.Input("a", [2]), cost = a.Square().Sum(), notScalar = a * 3f;
        int count = graph.Nodes.Count;
        Assert.That(() => new HessianOperator(notScalar, [a]), Throws.TypeOf<GraphException>());
        Assert.That(() => new HessianOperator(cost, [a, new Graph().Input("b", [2])]), Throws.TypeOf<GraphException>());
        Assert.That(() => new HessianOperator(cost, [a], new PlanOptions { Threads = -1 }), Throws.TypeOf<OptionException>());
        Assert.That(graph.Nodes, Has.Count.EqualTo(count));
        using var hessian = new HessianOperator(cost, [a]);
        Assert.That(hessian.Size, Is.EqualTo(2));
    }

    // 2 inputs, 2 hidden units, 1 output: 9 parameters, away from the symmetric point.
    private static Problem Xor()
    {
        var model = new Sequential(new Linear(2, 2), new Tanh(), new Linear(2, 1));
        float[][] values = [[1.2f, 0.9f, 0.8f, 1.1f], [-0.1f, -0.9f], [1.1f, -1.4f], [0.1f]];
        for (int i = 0; i < values.Length; i++)
        {
            model.Parameters[i].Set(values[i]);
        }

        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, 2]), t = graph.Input("t", [Shape.Batch, 1]);
        Node cost = new MeanSquaredError().Build(model.Build(x, BuildMode.Training), t);
        return new Problem(model, x, t, cost, [.. model.Parameters.Select(parameter => graph.Variable(parameter))]);
    }

    private static double[] HessianByDifferences(Problem problem)
    {
        const double H = 1e-5;
        Node[] gradient = problem.Cost.Graph.Gradient(problem.Cost, problem.Variables);
        GraphHarness harness = new GraphHarness(problem.Cost.Graph, 4).Set(problem.Input, XorInputs).Set(problem.Targets, XorTargets);
        var columns = new List<double>();
        foreach (Node variable in problem.Variables)
        {
            for (int k = 0; k < variable.Shape.Length; k++)
            {
                double[] above = [.. harness.Reference(gradient, variable, k, H).SelectMany(block => block)];
                double[] below = [.. harness.Reference(gradient, variable, k, -H).SelectMany(block => block)];
                columns.AddRange(above.Zip(below, (a, b) => (a - b) / (2 * H)));
            }
        }

        return [.. columns];
    }

    private static (Graph Graph, Node X, Node Y, Parameter[] Parameters) Network()
    {
        var model = new Sequential(
            new Linear(12, 9), new Tanh(), new LayerNorm(9), new Linear(9, 7), new Silu(), new Linear(7, 5), new Softmax());
        model.Initialize(5);
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, 12]);
        return (graph, x, model.Build(x, BuildMode.Training), [.. model.Parameters]);
    }

    private sealed record Problem(Sequential Model, Node Input, Node Targets, Node Cost, Node[] Variables);
}
