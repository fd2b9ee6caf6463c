using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Graphs;

/// <summary>What a graph refuses: null, strangers, a second thread, shape rules of users that fail; and that it stays as it was.</summary>
[TestFixture]
public sealed class GraphUseTests
{
    [Test]
    public void A_null_is_refused_by_name()
    {
        var graph = new Graph();
        Node x = graph.Input("x"), y = x.Square();
        Assert.That(() => graph.Add(null!, x), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("op"));
        Assert.That(() => graph.Add(new Relu(), (Node)null!), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("inputs"));
        Assert.That(() => graph.SetName(null!, "name"), Throws.ArgumentNullException);
        Assert.That(() => graph.SetName(y, null!), Throws.ArgumentNullException);
        Assert.That(() => graph.Gradient(null!, x), Throws.ArgumentNullException);
        Assert.That(() => graph.Gradient(y, x, null!), Throws.ArgumentNullException);
        Assert.That(() => graph.VectorJacobianProduct(y, null!, x), Throws.ArgumentNullException);
        Assert.That(() => graph.JacobianVectorProduct(y, [x], [null!]), Throws.ArgumentNullException);
        Assert.That(() => graph.HessianVectorProduct(y, [null!], [x]), Throws.ArgumentNullException);
        Assert.That(() => graph.GradientWithRecomputation(y, [null!], [x]), Throws.ArgumentNullException);
        Assert.That(() => graph.Hessian(y, null!), Throws.ArgumentNullException);
        Assert.That(() => ((Graph)null!).Gradient(y, x), Throws.ArgumentNullException);
        Assert.That(graph.Nodes, Has.Count.EqualTo(2));
    }

    [Test]
    public void A_node_of_another_graph_is_refused_everywhere()
    {
        Graph graph = new(), other = new();
        Node x = graph.Input("x"), stranger = other.Input("stranger");
        void AssertRefused(Action call) =>
            Assert.That(call, Throws.TypeOf<GraphException>().With.Message.Contains("stranger belongs to another graph"));
        AssertRefused(() => graph.SetName(stranger, "mine"));
        AssertRefused(() => graph.Gradient(stranger, x));
        AssertRefused(() => graph.Gradient(x, stranger));
        AssertRefused(() => graph.JacobianVectorProduct(x, [x], [stranger]));
        AssertRefused(() => graph.HessianVectorProduct(x, [stranger], [x]));
        AssertRefused(() => new ReferenceEvaluator(graph).Run(stranger));
        Assert.That(graph.Nodes, Has.Count.EqualTo(1));
        Assert.That(stranger.Name, Is.EqualTo("stranger"));
    }

    [Test]
    public void What_the_shape_rule_of_a_user_throws_arrives_as_the_inner_exception()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [2, 3]);
        var cause = new KeyNotFoundException("no such kind");
        Assert.That(() => graph.Add(new Spoilt(cause), x), Throws.TypeOf<GraphException>()
            .With.Message.EqualTo("spoilt: the shape rule failed: KeyNotFoundException: no such kind")
            .And.InnerException.SameAs(cause));
        Assert.That(() => graph.Add(new Spoilt(new ShapeException("too wide")), x),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo("spoilt(x [2, 3]): too wide"));
        Assert.That(graph.Nodes, Has.Count.EqualTo(1));
        Assert.That(graph.Add(new Spoilt(null), x).Shape, Is.EqualTo(x.Shape), "the graph can still be built");
    }

    [Test]
    public void A_derivative_that_is_refused_leaves_the_graph_as_it_was()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [2]), y = graph.Add(new Spoilt(null), x.Square()).Sum();
        int count = graph.Nodes.Count;
        Assert.That(() => graph.HessianVectorProduct(y, [x], [x]),
            Throws.TypeOf<GraphException>().With.Message.Contains("no second derivative"));
        Assert.That(graph.Nodes, Has.Count.EqualTo(count));
        Node dx = graph.Gradient(y, x)[0];
        using Plan plan = graph.Compile([dx]);
        Assert.That(plan.Bind(x, [1, 2]).Kernels, Is.Not.Empty);
    }

    [Test]
    public void Two_threads_at_once_are_refused_and_the_graph_stays_whole()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [2]);
        using var inside = new ManualResetEventSlim();
        using var leave = new ManualResetEventSlim();
        var slow = new Spoilt(null)
        {
            Before = () =>
            {
                inside.Set();
                leave.Wait();
            },
        };
        Task<Node> building = Task.Run(() => graph.Add(slow, x));
        inside.Wait();
        Assert.That(() => x + x, Throws.InvalidOperationException.With.Message.Contains("one thread at a time"));
        Assert.That(() => graph.Gradient(x.Sum(), x), Throws.InvalidOperationException);
        Assert.That(() => graph.SetName(x, "other"), Throws.InvalidOperationException);
        Assert.That(() => graph.Compile([x]), Throws.InvalidOperationException);
        leave.Set();
        Assert.That(building.Result.Index, Is.EqualTo(1));
        Assert.That((x + x).Index, Is.EqualTo(2));
    }

    [Test]
    public void Many_threads_that_build_at_once_are_refused_or_get_what_they_asked_for()
    {
        var graph = new Graph();
        Node x = graph.Input("x");
        int refused = 0;
        Node?[][] made = [.. Enumerable.Range(0, 4).Select(_ => new Node?[2000])];
        Parallel.For(0, 4, thread =>
        {
            for (int i = 0; i < 2000; i++)
            {
                try
                {
                    made[thread][i] = graph.Add(new Elu(1 + i + (thread * 2000)), x);
                }
                catch (InvalidOperationException)
                {
                    Interlocked.Increment(ref refused);
                }
            }
        });
        Node[] all = [.. made.SelectMany(nodes => nodes).OfType<Node>()];
        Assert.That(all, Has.Length.EqualTo(8000 - refused).And.Length.EqualTo(graph.Nodes.Count - 1));
        Assert.That(all.All(node => graph.Nodes[node.Index] == node), Is.True);
    }

    [Test]
    public void Several_threads_may_compile_at_once()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [8]), y = x.Tanh().Sum();
        Parallel.For(0, 8, _ =>
        {
            using Plan plan = graph.Compile([y], new PlanOptions { Threads = 1 });
            plan.Bind(x, new float[8]).Run();
            Assert.That(plan[y].Item, Is.Zero);
        });
    }

    private sealed class Spoilt(Exception? cause) : CustomOp
    {
        public Action? Before { get; init; }

        public override Shape InferShape(ReadOnlySpan<Shape> inputs)
        {
            Before?.Invoke();
            return cause is null ? inputs[0] : throw cause;
        }

        public override void Forward(CustomInputs<float> inputs, Span<float> output) => inputs[0].CopyTo(output);

        public override void Backward(
            int input, CustomInputs<float> inputs, ReadOnlySpan<float> output, ReadOnlySpan<float> outputGradient,
            Span<float> inputGradient) => outputGradient.CopyTo(inputGradient);
    }
}
