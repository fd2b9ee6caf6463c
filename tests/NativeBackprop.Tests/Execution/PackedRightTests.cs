using NativeBackprop.Ops;
using NativeBackprop.Tests.Differentiation;
using NativeBackprop.Tests.Interop;
using NativeBackprop.Tests.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>A matrix that several products of our own read is packed once, and nothing else changes by it.</summary>
[TestFixture]
internal sealed class PackedRightTests
{
    private const int Batch = 3, Inputs = 70, Outputs = 45;

    [TestCase(2, true, 1)]
    [TestCase(2, false, 0, Description = "too few rows")]
    [TestCase(90, false, 1)]
    [TestCase(1, true, 0)]
    [TestCase(1, false, 0)]
    public void It_is_packed_where_it_serves_several_products(int products, bool transposed, int expected)
    {
        (Graph graph, Node[] inputs, Node weight, Node[] results) = Chain(products, transposed);
        using Plan plan = graph.Compile(results, Options());
        using Plan plain = graph.Compile(results, Options() with { Fuse = false });
        Assert.That(Packs(plan), Is.EqualTo(expected));
        foreach (Plan run in (Plan[])[plan, plain])
        {
            for (int i = 0; i < products; i++)
            {
                run.Bind(inputs[i], Random(Batch * Inputs, i));
            }

            run.Run();
        }

        foreach (Node result in results)
        {
            Assert.That(plan[result].Span.SequenceEqual(plain[result].Span), $"{result}");
        }

        Assert.That(weight.Shape.Rank, Is.EqualTo(2));
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public void Every_fused_product_reads_what_is_packed_on_any_number_of_threads(int threads)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, Inputs]), b = graph.Variable("b", [Inputs], Random(Inputs, 8));
        Node w = graph.Variable("w", [Inputs, Inputs], Random(Inputs * Inputs, 9));
        Node state = x;
        for (int t = 0; t < 4; t++)
        {
            state = (state.MatMul(w) + x + b).Tanh();
        }

        Node cost = state.Square().Sum();
        Node[] outputs = [cost, .. graph.Gradient(cost, [x, w, b])];
        float[] values = Random(100 * Inputs, 3);
        using Plan plan = graph.Compile(outputs, Options(100) with { Threads = threads, ExactThreads = true });
        using Plan plain = graph.Compile(outputs, Options(100) with { Fuse = false });
        plan.Bind(x, values).Run();
        plain.Bind(x, values).Run();
        Assert.That(Packs(plan), Is.EqualTo(2), "as it is for the way forward, transposed for the way back");
        Assert.That(plan.Kernels.Count(kernel => kernel.Kernel.Call.Contains("nb_product_run NP")), Is.EqualTo(8));
        foreach (Node output in outputs)
        {
            Assert.That(
                Norms.Error(plan[output].Span, [.. plain[output].Span.ToArray().Select(v => (double)v)]), Is.LessThan(1e-6), $"{output}");
        }
    }

    [Test]
    public void An_update_comes_after_all_that_read_the_old_value()
    {
        (Graph graph, Node[] inputs, Node weight, Node[] results) = Chain(2, transposed: true);
        Node update = graph.Add(new SgdUpdate(0), weight, weight.Square(), graph.Constant(0.5f));
        Node after = inputs[0].MatMul(graph.Add(new Transpose([1, 0]), update));
        using Plan plan = graph.Compile([.. results, after, update], Options());
        using Plan plain = graph.Compile(results, Options() with { Fuse = false });
        float[] x = Random(Batch * Inputs, 0), y = Random(Batch * Inputs, 1);
        plain.Bind(inputs[0], x).Bind(inputs[1], y).Run();
        plan.Bind(inputs[0], x).Bind(inputs[1], y).Run();
        Assert.That(plan[results[0]].Span.SequenceEqual(plain[results[0]].Span));
        Assert.That(plan[after].Span.SequenceEqual(plan[results[0]].Span), Is.False);
        plain.Run();
        plan.Run();
        Assert.That(plan[results[1]].Span.SequenceEqual(plain[results[1]].Span), "each run packs what the weight is then");
    }

    [Test]
    public void Stacks_and_products_of_the_other_library_are_left_alone()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, 2, Inputs]), w = graph.Input("w", [Shape.Batch, 5, Inputs]);
        Node[] stacks = [graph.Add(new MatMul(false, true), x, w), graph.Add(new MatMul(false, true), x + x, w)];
        using Plan plan = graph.Compile(stacks, Options());
        Assert.That(Packs(plan), Is.Zero);
        OpenBlasPresence.Require();
        (Graph chain, _, _, Node[] results) = Chain(2, transposed: true);
        using Plan blas = chain.Compile(results, Options() with { Products = ProductLibrary.OpenBlas });
        Assert.That(Packs(blas), Is.Zero);
    }

    private static PlanOptions Options(int batch = Batch) => new() { BatchSize = batch, Products = ProductLibrary.Own };

    private static int Packs(Plan plan) => plan.Kernels.Count(kernel => kernel.Step.Operation is PackedRight);

    private static (Graph Graph, Node[] Inputs, Node Weight, Node[] Results) Chain(int products, bool transposed)
    {
        var graph = new Graph();
        Node weight = graph.Variable(
            "w", transposed ? [Outputs, Inputs] : [Inputs, Outputs], Random(Inputs * Outputs, 7));
        Node[] inputs = [.. Enumerable.Range(0, products).Select(i => graph.Input($"x{i}", [Shape.Batch, Inputs]))];
        return (graph, inputs, weight, [.. inputs.Select(x => graph.Add(new MatMul(false, transposed), x, weight))]);
    }

    private static float[] Random(int length, int seed) => GraphHarness.Random(length, (ulong)seed);
}
