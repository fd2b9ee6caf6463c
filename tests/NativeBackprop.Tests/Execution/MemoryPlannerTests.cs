using FsCheck;
using FsCheck.Fluent;
using NativeBackprop.Ops;
using NativeBackprop.Tests.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>Memory is given out again, and nobody notices: random graphs, and the liveness of what the planner laid out.</summary>
[TestFixture]
public sealed class MemoryPlannerTests
{
    private static readonly Config Config = Config.QuickThrowOnFailure.WithMaxTest(300);

    // Each step of a recipe picks an op and its operands among what is there already; a row and a column broadcast, a scalar is a sum.
    private static readonly Gen<(int Op, int A, int B, bool IsOutput)[]> Recipe =
        from length in Gen.Choose(1, 25)
        from steps in (
            from op in Gen.Choose(0, 15)
            from a in Gen.Choose(0, 1000)
            from b in Gen.Choose(0, 1000)
            from output in Gen.Choose(0, 5)
            select (op, a, b, output == 0)).ArrayOf(length)
        select steps;

    [Test]
    public void RandomGraph_ComputesWhatTheReferenceDoes_WhateverTheReuse() => Check.One(Config, Prop.ForAll(Recipe.ToArbitrary(), recipe =>
    {
        (Graph graph, Node[] outputs, Node[] inputs) = Build(recipe);
        var random = new RandomSource((ulong)recipe.Length);
        var values = inputs.Select(input => { var x = new float[input.Shape.Length]; Domains.Normal(x, random); return x; }).ToArray();
        var reference = new ReferenceEvaluator(graph);
        for (int i = 0; i < inputs.Length; i++)
        {
            reference.Set(inputs[i], values[i]);
        }

        reference.Run(outputs);
        foreach (bool fuse in (bool[])[false, true])
        {
            using Plan plan = graph.Compile([.. outputs, .. inputs],
                new PlanOptions { Fuse = fuse, Threads = recipe.Length % 2 + 1, ExactThreads = true });
            for (int i = 0; i < inputs.Length; i++)
            {
                plan.Bind(inputs[i], values[i]);
            }

            for (int run = 0; run < 2; run++)
            {
                plan.Run();
                foreach (Node output in outputs)
                {
                    double[] actual = Norms.Widen(plan[output].Span), expected = reference[output];
                    Assert.That(Norms.Error(actual, expected), Is.LessThanOrEqualTo(1e-4), $"{output} of {graph.Nodes.Count} nodes");
                }
            }

            AssertLiveValuesStandApart(plan);
            AssertThreadsMeetBetweenConflicts(plan);
        }
    }));

    [Test]
    public void Chain_RunsInPlace_InTheMemoryOfOneValue()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [1000]), y = x;
        for (int i = 0; i < 10; i++)
        {
            y = (y + 1f).Tanh();
        }

        using Plan plan = graph.Compile([y]);
        PlanReport report = plan.Describe();
        Assert.That(report.InPlace, Is.EqualTo(19));
        Assert.That(report.ArenaBytes, Is.EqualTo(2 * 4 * Arena.Align(1000)), "the input and one value");
        Assert.That(report.UnsharedBytes, Is.EqualTo(20 * 4 * Arena.Align(1000)));
        Assert.That(report.Steps[1].Place, Does.EndWith("in place"));
    }

    [Test]
    public void Memory_IsReused_WhereNothingGoesInPlace()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [64, 64]), w = graph.Variable("w", [64, 64], new float[4096]), y = x;
        for (int i = 0; i < 10; i++)
        {
            y = y.MatMul(w);
        }

        using Plan plan = graph.Compile([y]);
        Assert.That(plan.ArenaBytes, Is.EqualTo(3 * 4 * 4096), "the input, and two that take turns");
        Assert.That(plan.Describe().InPlace, Is.Zero);
    }

    [Test]
    public void Operand_ThatIsStillNeeded_IsNotOverwritten()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [64]), a = x.Tanh(), b = a.Square(), c = a + b;
        using Plan plan = graph.Compile([c]);
        plan.Bind(x, [.. Enumerable.Repeat(0.5f, 64)]).Run();
        double t = Math.Tanh(0.5);
        Assert.That(plan[c].ToArray(), Is.All.EqualTo(t + (t * t)).Within(1e-6));
        Assert.That(plan.Describe().InPlace, Is.EqualTo(1));
    }

    [Test]
    public void WantedValues_ViewsAndRepeatedReaders_KeepTheirMemory()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [8, 8]), a = x.Tanh(), view = a.Reshape([64]), b = a.Exp(), c = view.Square(), d = (b * b).Relu();
        using Plan plan = graph.Compile([view, c, d]);
        plan.Bind(x, [.. Enumerable.Range(0, 64).Select(i => 0.01f * i)]).Run();
        for (int i = 0; i < 64; i++)
        {
            double t = Math.Tanh(0.01f * i);
            Assert.That(plan[view].Span[i], Is.EqualTo(t).Within(1e-6));
            Assert.That(plan[c].Span[i], Is.EqualTo(t * t).Within(1e-6));
            Assert.That(plan[d].Span[i], Is.EqualTo(Math.Exp(2 * t)).Within(1e-5));
        }
    }

    [Test]
    public void Operand_ThatIsReadTwiceInDifferentWays_IsNotOverwritten()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [3, 40]), u = graph.Input("u", [3]), z = x.Tanh();
        Node d = graph.Add(new SoftmaxCrossEntropyGradient(true), z, z, u);
        using Plan plan = graph.Compile([d]);
        float[] values = [.. Enumerable.Range(0, 120).Select(i => (0.05f * i) - 3)];
        plan.Bind(x, values).Bind(u, [1f, -2, 0.5f]).Run();
        ReferenceEvaluator reference = new ReferenceEvaluator(graph).Set(x, values).Set(u, [1d, -2, 0.5]).Run(d);
        Assert.That(Norms.Error(plan[d].Span, reference[d]), Is.LessThanOrEqualTo(1e-5));
    }

    [Test]
    public void EmptyValues_TakeAPlaceAndDoNothing()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [0, 4]), y = graph.Input("y", [4]), z = (x + y).Exp(), s = z.Sum(),
            w = graph.Variable("w", [4, 3], new float[12]);
        Node p = x.MatMul(w), t = x.MatMul(p, transposeLeft: true);
        using Plan plan = graph.Compile([z, s, p, t]);
        plan.Bind(x, Array.Empty<float>()).Bind(y, [1f, 2, 3, 4]).Run();
        Assert.That(plan[z].Span.Length + plan[p].Span.Length, Is.Zero);
        Assert.That(plan[s].Item, Is.Zero);
        Assert.That(plan[t].ToArray(), Is.EqualTo(new float[12]), "a product over no terms is zero");
    }

    /// <summary>Two values whose memory overlaps are never both needed at one step, except where one is written in place of the other.</summary>
    private static void AssertLiveValuesStandApart(Plan plan)
    {
        var lives = new Dictionary<PlanValue, (int First, int Last)>();
        for (int s = 0; s < plan.Kernels.Count; s++)
        {
            PlanStep step = plan.Kernels[s].Step;
            foreach (PlanValue value in step.Inputs.Concat(step.Outputs))
            {
                PlanValue memory = value.Memory;
                int first = lives.TryGetValue(memory, out (int First, int Last) life) ? life.First : memory.Storage == Storage.Computed ? s : -1;
                lives[memory] = (first,
                    memory.Storage != Storage.Computed || value.IsOutput || memory.IsOutput || life.Last == int.MaxValue ? int.MaxValue : s);
            }
        }

        (PlanValue Value, int First, int Last)[] placed =
            [.. lives.Where(pair => pair.Key.Offset >= 0).Select(pair => (pair.Key, pair.Value.First, pair.Value.Last))];
        foreach ((PlanValue a, int aFirst, int aLast) in placed)
        {
            foreach ((PlanValue b, int bFirst, int bLast) in placed)
            {
                bool overlap = a.Offset < b.Offset + b.Shape.Length && b.Offset < a.Offset + a.Shape.Length;
                bool together = aFirst < bLast && bFirst < aLast;
                Assert.That(a != b && overlap && together, Is.False, $"{a.Node} and {b.Node} share memory while both are needed");
                bool writtenInPlace = aLast == bFirst && a.Offset == b.Offset && a.Shape.Length == b.Shape.Length;
                Assert.That(a != b && overlap && aLast == bFirst && !writtenInPlace, Is.False,
                    $"{b.Node} is written over part of its operand {a.Node}");
            }
        }
    }

    /// <summary>
    /// Where one step writes memory that another touches, and not both are done by the first thread alone, all threads meet in between.
    /// </summary>
    private static void AssertThreadsMeetBetweenConflicts(Plan plan)
    {
        static bool Overlap(PlanValue a, PlanValue b) =>
            a == b || (a.Offset >= 0 && b.Offset >= 0 && a.Offset < b.Offset + b.Shape.Length && b.Offset < a.Offset + a.Shape.Length);

        var sinceMeeting = new List<(ScheduledKernel Kernel, PlanValue Memory, bool Writes)>();
        foreach (ScheduledKernel kernel in plan.Kernels)
        {
            PlanStep step = kernel.Step;
            if (kernel.Waits)
            {
                sinceMeeting.Clear();
            }

            (ScheduledKernel Kernel, PlanValue Memory, bool Writes)[] touched =
            [
                .. step.Inputs.Select((input, i) => (kernel, input.Memory, step.Operation.Updates(i))),
                .. step.Outputs.Select(output => (kernel, output.Memory, true)),
            ];
            foreach ((_, PlanValue memory, bool writes) in touched)
            {
                foreach ((ScheduledKernel earlier, PlanValue other, bool otherWrites) in sinceMeeting)
                {
                    bool conflict = (writes || otherWrites) && Overlap(memory, other) && (kernel.Threads > 1 || earlier.Threads > 1);
                    Assert.That(conflict, Is.False, $"{step.Operation.Name} touches the memory of {other.Node} without a meeting");
                }
            }

            sinceMeeting.AddRange(touched);
        }
    }

    private static (Graph Graph, Node[] Outputs, Node[] Inputs) Build((int Op, int A, int B, bool IsOutput)[] recipe)
    {
        const int rows = 7, columns = 9;
        var graph = new Graph();
        Node[] inputs = [graph.Input("x", [rows, columns]), graph.Input("row", [columns]), graph.Input("column", [rows, 1]),
            graph.Input("scalar", [])];
        Node weight = graph.Constant([columns, columns], [.. Enumerable.Range(0, columns * columns).Select(i => 0.3f * MathF.Sin(i))]);
        List<Node> nodes = [.. inputs];
        var outputs = new List<Node>();
        foreach ((int op, int first, int second, bool isOutput) in recipe)
        {
            Node a = nodes[first % nodes.Count], b = nodes[second % nodes.Count];
            Node full = a.BroadcastTo([rows, columns]);
            Node node = op switch
            {
                0 => a + b,
                1 => a - b,
                2 => a * b,
                3 => a.Maximum(b),
                4 => a.Relu(),
                5 => a.Cos(),
                6 => a.Sigmoid(),
                7 => 0.5f * a,
                8 => full.Sum(0),
                9 => full.Mean(1, keepDimensions: true),
                10 => full.Softmax(),
                11 => full.MatMul(weight),
                12 => full.Reshape([columns, rows]).Transpose(1, 0),
                13 => graph.Gradient((full.Tanh() * b).Sum(), full)[0],
                14 => full.Max(1, keepDimensions: true),
                _ => (full.MatMul(weight) + (b.Shape.Equals(inputs[1].Shape) ? b : inputs[1])).Tanh(),
            };
            node = node.Tanh();
            nodes.Add(node);
            if (isOutput)
            {
                outputs.Add(node);
            }
        }

        outputs.Add(nodes[^1]);
        return (graph, [.. outputs.Distinct()], inputs);
    }
}
