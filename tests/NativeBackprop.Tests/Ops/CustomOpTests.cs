using NativeBackprop.Layers;
using NativeBackprop.Ops;
using NativeBackprop.Tests.Differentiation;
using NUnit.Framework;

namespace NativeBackprop.Tests.Ops;

public class CustomOpTests
{
    [Test]
    public void The_multiply_gate_of_the_notes_switches_its_inputs()
    {
        var graph = new Graph();
        Node x = graph.Input("x"), y = graph.Input("y"), z = graph.Add(new MultiplyGate(), x, y);
        float[][] results = new GraphHarness(graph).Set(x, 3f).Set(y, -4f).Run([z, .. graph.Gradient(2 * z, x, y)]);
        Assert.That(results.Select(result => result[0]), Is.EqualTo(new float[] { -12, -8, 6 }));
    }

    [Test]
    public void Gradients_through_it_are_checked_like_any_others()
    {
        var gate = new MultiplyGate();
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, 3]), y = graph.Input("y", [Shape.Batch, 3]);
        var harness = new GraphHarness(graph, 4).Set(x, GraphHarness.Random(12, 1)).Set(y, GraphHarness.Random(12, 2));
        harness.Check(graph.Add(gate, x.Tanh(), graph.Add(gate, x, y)).Sum(), x, y);
    }

    [Test]
    public void Agrees_on_threads_and_with_the_built_in_op()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [1000]), y = graph.Input("y", [1000]);
        Node own = graph.Add(new MultiplyGate(), x.Exp(), y.Exp()), builtIn = x.Exp() * y.Exp();
        using Plan plan = graph.Compile([own, builtIn], new PlanOptions { Threads = 2, ExactThreads = true });
        plan.Bind(x, GraphHarness.Random(1000, 1)).Bind(y, GraphHarness.Random(1000, 2)).Run();
        Assert.That(plan[own].ToArray(), Is.EqualTo(plan[builtIn].ToArray()));
    }

    [Test]
    public void Float_code_serves_as_reference_unless_there_is_a_double_overload()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [2]), y = graph.Add(new Cube(), x);
        double[][] reference = new GraphHarness(graph).Set(x, 1.1f, 2f).Reference([y, .. graph.Gradient(y.Sum(), x)]);
        Assert.That(reference[0][0], Is.EqualTo((double)(1.1f * 1.1f * 1.1f)), "rounded like the float code");
        Assert.That(reference[1][1], Is.EqualTo(12));
    }

    [Test]
    public void The_same_object_on_the_same_inputs_is_the_same_node()
    {
        var gate = new MultiplyGate();
        var graph = new Graph();
        Node x = graph.Input("x"), y = graph.Input("y"), first = graph.Add(gate, x, y);
        Assert.That(graph.Add(gate, x, y), Is.SameAs(first));
        Assert.That(graph.Add(new MultiplyGate(), x, y), Is.Not.SameAs(first));
    }

    [Test]
    public void Runs_allocate_nothing()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [64]), y = graph.Input("y", [64]);
        Node z = graph.Add(new MultiplyGate(), x, y);
        using Plan plan = graph.Compile([z, .. graph.Gradient(z.Sum(), x, y)], new PlanOptions { Threads = 1 });
        plan.Bind(x, new float[64]).Bind(y, new float[64]).Run();
        long before = GC.GetAllocatedBytesForCurrentThread();
        plan.Run();
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void Shapes_that_do_not_fit_are_errors()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [2]), y = graph.Input("y", [3]), batch = graph.Input("batch", [Shape.Batch, 2]);
        Assert.That(
            () => graph.Add(new MultiplyGate(), x, y),
            Throws.TypeOf<ShapeException>()
                .With.Message.EqualTo("multiply_gate(x [2], y [3]): expected two inputs of one shape, got [2] and [3]"));
        Assert.That(
            () => graph.Add(new Faulty(_ => [Shape.Batch]), x),
            Throws.TypeOf<ShapeException>()
                .With.Message.EqualTo(
                    "faulty(x [2]): faulty: the shape rule gave [B], which depends on the batch size, while no input does"));
        Assert.That(
            () => graph.Add(new Faulty(_ => null!), x),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo("faulty(x [2]): faulty: the shape rule gave null"));

        // A rule that takes the open batch size for a number gives another shape once it is one.
        Node inconsistent = graph.Add(new Faulty(shape => [Math.Abs(shape[0]), 2]), batch);
        Assert.That(
            () => graph.Compile([inconsistent], new PlanOptions { BatchSize = 4 }),
            Throws.TypeOf<ShapeException>()
                .With.Message.EqualTo("faulty: the shape rule gave [1, 2] for the graph, and [4, 2] for the plan's inputs [4, 2]"));
    }

    [TestCase(1)]
    [TestCase(2)]
    public void What_it_throws_names_the_node(int threads)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [2]), y = graph.SetName(graph.Add(new Faulty(shape => shape), x), "mine");
        using Plan plan = graph.Compile([y.Square()], new PlanOptions { Threads = threads, ExactThreads = true });
        plan.Bind(x, [1f, 2]);
        Assert.That(() => plan.Run(), Throws.TypeOf<GraphException>().With.Message.EqualTo(
            "mine(x): the custom op failed: IndexOutOfRangeException: Index was outside the bounds of the array."));
        Assert.That(() => plan.Run(), Throws.TypeOf<GraphException>(), "the plan stays usable, and wrong");
    }

    [Test]
    public void A_second_derivative_is_a_clear_error()
    {
        var graph = new Graph();
        Node x = graph.Input("x"), y = graph.SetName(graph.Add(new MultiplyGate(), x, x), "product");
        Node[] first = graph.Gradient(y, x);
        Assert.That(() => graph.Gradient(first[0], x),
            Throws.TypeOf<GraphException>().With.Message.Contains("the custom op product has no second derivative"));
        Assert.That(() => graph.JacobianVectorProduct(y, [x], [graph.Constant(1)]), Throws.TypeOf<GraphException>());
    }

    [Test]
    public void Running_or_binding_its_own_plan_is_an_error()
    {
        // A graph can hold no cycle, because inputs are older than their node; what remains is an op that runs the plan it is part of.
        var op = new Reentrant();
        var graph = new Graph();
        Node x = graph.Input("x", [2]), y = graph.Add(op, x);
        using Plan plan = graph.Compile([y]);
        plan.Bind(x, [1f, 2]);
        op.Action = () => plan.Run();
        Assert.That(() => plan.Run(),
            Throws.TypeOf<GraphException>().With.Message.StartsWith("reentrant#1(x): the custom op failed: InvalidOperation")
                .And.InnerException.Message.StartsWith("the plan is in use"));
        op.Action = () => plan.Bind(x, [3f, 4]);
        Assert.That(() => plan.Run(),
            Throws.TypeOf<GraphException>().With.Message.StartsWith("reentrant#1(x): the custom op failed: InvalidOperation")
                .And.InnerException.Message.StartsWith("the plan is in use"));
        op.Action = () => { };
        plan.Run();
        Assert.That(plan[y].ToArray(), Is.EqualTo(new float[] { 1, 2 }), "nothing was bound during the failed run");
    }

    [Test]
    public void A_layer_of_ones_own_is_a_few_ops_put_together()
    {
        var model = new Sequential(new Linear(3, 4), new SquareRoot(), new Linear(4, 2));
        model.Initialize(1);
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, 3]);
        Node cost = model.Build(x, BuildMode.Training).Square().Sum();
        IEnumerable<Node> weights = model.Parameters.Select(parameter => graph.Variable(parameter));
        new GraphHarness(graph, 4).Set(x, GraphHarness.Random(12, 1)).Check(cost, [x, .. weights]);
    }

    private sealed class Cube : CustomOp
    {
        public override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0];

        public override void Forward(CustomInputs<float> inputs, Span<float> output)
        {
            for (int i = 0; i < output.Length; i++)
            {
                output[i] = inputs[0][i] * inputs[0][i] * inputs[0][i];
            }
        }

        public override void Backward(
            int input,
            CustomInputs<float> inputs,
            ReadOnlySpan<float> output,
            ReadOnlySpan<float> outputGradient,
            Span<float> inputGradient)
        {
            for (int i = 0; i < output.Length; i++)
            {
                inputGradient[i] = 3 * inputs[0][i] * inputs[0][i] * outputGradient[i];
            }
        }
    }

    private sealed class Faulty(Func<Shape, Shape> rule) : CustomOp
    {
        public override Shape InferShape(ReadOnlySpan<Shape> inputs) => rule(inputs[0]);

        public override void Forward(CustomInputs<float> inputs, Span<float> output) => output[inputs[0].Length] = 1;

        public override void Backward(
            int input,
            CustomInputs<float> inputs,
            ReadOnlySpan<float> output,
            ReadOnlySpan<float> outputGradient,
            Span<float> inputGradient) => outputGradient.CopyTo(inputGradient);
    }

    private sealed class Reentrant : CustomOp
    {
        public Action Action { get; set; } = () => { };

        public override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0];

        public override void Forward(CustomInputs<float> inputs, Span<float> output)
        {
            Action();
            inputs[0].CopyTo(output);
        }

        public override void Backward(
            int input,
            CustomInputs<float> inputs,
            ReadOnlySpan<float> output,
            ReadOnlySpan<float> outputGradient,
            Span<float> inputGradient) => outputGradient.CopyTo(inputGradient);
    }

    // sign(x)·√(1 + |x|) − sign(x), from the library's ops.
    private sealed class SquareRoot : Layer
    {
        protected override Node BuildCore(Node input, BuildContext context)
        {
            Node root = (1 + input.Abs()).Sqrt() - 1;
            return input * root / input.Abs().Maximum(input.Graph.Constant(1e-6f));
        }
    }
}
