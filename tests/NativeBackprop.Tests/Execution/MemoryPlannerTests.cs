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
    public void Random_graphs_compute_what_the_reference_does() => Check.One(Config, Prop.ForAll(Recipe.ToArbitrary(), recipe =>
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

        // What float32 cannot know better: how far inputs half an ulp apart lie apart in the outputs, and that at every node on the way.
        var apart = new ReferenceEvaluator(graph);
        for (int i = 0; i < inputs.Length; i++)
        {
            apart.Set(inputs[i], Array.ConvertAll(values[i], value => value * (1 + (i % 2 == 0 ? 6e-8 : -6e-8))));
        }

        apart.Run(outputs);
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
                    double allowed = Math.Max(1e-4, graph.Nodes.Count * Norms.Error(apart[output], expected));
                    Assert.That(Norms.Error(actual, expected), Is.LessThanOrEqualTo(allowed), $"{output} of {graph.Nodes.Count} nodes");
                }
            }

            AssertValuesLastUntilTheyAreRead(plan);
            AssertThreadsMeetBetweenConflicts(plan);
        }
    }));

    [Test]
    public void A_chain_runs_in_place_in_the_memory_of_one_value()
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
        Assert.That(report.BytesWithoutReuse, Is.EqualTo(20 * 4 * Arena.Align(1000)));
        Assert.That(report.Steps[1].Place, Does.EndWith("in place"));
    }

    [Test]
    public void Memory_is_reused_where_nothing_goes_in_place()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [64, 64]), y = x;
        for (int i = 0; i < 10; i++)
        {
            y = y.MatMul(graph.Variable($"w{i}", [64, 64], new float[4096]));
        }

        using Plan plan = graph.Compile([y]);
        Assert.That(plan.ArenaBytes, Is.EqualTo(3 * 4 * 4096), "the input, and two that take turns");
        Assert.That(plan.Describe().InPlace, Is.Zero);
    }

    [Test]
    public void An_operand_that_is_still_needed_is_not_overwritten()
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
    public void Wanted_values_views_and_repeated_readers_keep_their_memory()
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
    public void An_operand_that_is_read_twice_in_different_ways_is_not_overwritten()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [3, 40]), u = graph.Input("u", [3]), z = x.Tanh();
        Node d = graph.Add(new RowLossGradient(new SoftmaxCrossEntropyPerExample(true)), z, z, u);
        using Plan plan = graph.Compile([d]);
        float[] values = [.. Enumerable.Range(0, 120).Select(i => (0.05f * i) - 3)];
        plan.Bind(x, values).Bind(u, [1f, -2, 0.5f]).Run();
        ReferenceEvaluator reference = new ReferenceEvaluator(graph).Set(x, values).Set(u, [1d, -2, 0.5]).Run(d);
        Assert.That(Norms.Error(plan[d].Span, reference[d]), Is.LessThanOrEqualTo(1e-5));
    }

    [Test]
    public void A_workspace_lies_on_what_is_dead_at_its_step_and_on_nothing_else()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [64, 64]), w = graph.Variable("w", [64, 64], new float[4096]), a = x.MatMul(w), b = a.MatMul(w);
        Node c = b.MatMul(w), d = c.MatMul(b), e = d.Tanh();
        PlanProgram program = Lowering.Lower(graph, [e], null);
        program.Steps[2].WorkspaceLength = 1000;
        program.Steps[3].WorkspaceLength = 5000;
        program.Steps[4].WorkspaceLength = 4000;
        MemoryPlanner planner = MemoryPlanner.Run(program);
        PlanValue[] values = [.. program.Steps.Select(step => step.Outputs[0])];
        Assert.That(program.Steps[0].WorkspaceOffset, Is.Negative);
        Assert.That(program.Steps[2].WorkspaceOffset, Is.Not.InRange(values[1].Offset, values[1].Offset + 4095));
        Assert.That(program.Steps[2].WorkspaceOffset, Is.Not.InRange(values[2].Offset, values[2].Offset + 4095));
        Assert.That(program.Steps[3].WorkspaceOffset, Is.GreaterThanOrEqualTo(3 * 4096), "three products are read or written there");
        Assert.That(program.Steps[4].WorkspaceOffset, Is.EqualTo(program.Steps[3].WorkspaceOffset), "the smallest dead place that fits");
        Assert.That(planner.Length, Is.EqualTo((3 * 4096) + Arena.Align(1000) + Arena.Align(5000)));
        Assert.That(program.Steps[2].WorkspaceOffset % PinnedBuffer.AlignmentInFloats, Is.Zero);
    }

    [Test]
    public void A_leading_slice_is_a_view_of_its_operand_whatever_that_is()
    {
        var graph = new Graph();
        float[] numbers = [.. Enumerable.Range(0, 24).Select(i => 0.1f * i)];
        Node input = graph.Input("input", [4, 3, 2]), variable = graph.Variable("variable", [4, 3, 2], numbers);
        Node constant = graph.Constant([4, 3, 2], numbers), computed = input.Tanh();
        Node[] slices = [.. new[] { input, variable, constant, computed }.Select(x => x.Slice(0, 1, 2).Reshape([3, 4]).Slice(0, 1, 1))];
        Node[] read = [.. slices.Select(slice => slice.Square())];
        using Plan plan = graph.Compile([.. slices, .. read]);
        Assert.That(plan.Kernels.Select(kernel => kernel.Step.Operation.Name), Has.None.EqualTo("slice"));
        var buffer = new PinnedBuffer(numbers);
        plan.Bind(input, buffer).Run();
        for (int i = 0; i < 4; i++)
        {
            float[] expected = [.. numbers[10..14].Select(value => i == 3 ? MathF.Tanh(value) : value)];
            Assert.That(plan[slices[i]].ToArray(), Is.EqualTo(expected).Within(1e-6));
            Assert.That(plan[read[i]].ToArray(), Is.EqualTo(expected.Select(value => value * value)).Within(1e-6));
        }

        buffer.Span.Fill(2);
        plan.Run();
        Assert.That(plan[slices[0]].ToArray(), Is.All.EqualTo(2), "the slice of a bound buffer is the buffer's");
    }

    [Test]
    public void An_operand_that_is_read_elsewhere_in_part_is_not_overwritten()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [2, 40]), a = x.Tanh(), y = a * a.Slice(0, 0, 1), z = a.Slice(0, 0, 1).Exp() + a.Slice(0, 1, 1);
        float[] values = [.. Enumerable.Range(0, 80).Select(i => (0.05f * i) - 2)];
        foreach (Node[] outputs in (Node[][])[[y], [z], [y, z], [z, a.Slice(0, 0, 1)], [a, y]])
        {
            using Plan plan = graph.Compile(outputs);
            plan.Bind(x, values).Run();
            ReferenceEvaluator reference = new ReferenceEvaluator(graph).Set(x, values).Run(outputs);
            Assert.That(outputs.Max(output => Norms.Error(plan[output].Span, reference[output])), Is.LessThanOrEqualTo(1e-6));
            AssertValuesLastUntilTheyAreRead(plan);
        }
    }

    [Test]
    public void Empty_values_take_a_place_and_do_nothing()
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

    /// <summary>
    /// Every cell of the arena that a step reads was last written by the step that makes what it reads, and a workspace lies on
    /// nothing that anybody reads later.
    /// </summary>
    private static void AssertValuesLastUntilTheyAreRead(Plan plan)
    {
        var writers = new Dictionary<long, PlanStep>();
        foreach (ScheduledKernel kernel in plan.Kernels)
        {
            PlanStep step = kernel.Step;
            foreach (PlanValue input in step.Inputs)
            {
                AssertWrittenBy(input, input.Producer, writers);
            }

            for (long i = 0; i < step.WorkspaceLength; i++)
            {
                writers[step.WorkspaceOffset + i] = step;
            }

            foreach (PlanValue output in step.Outputs.Where(output => output.Place >= 0))
            {
                for (int i = 0; i < output.Length; i++)
                {
                    writers[output.Place + i] = step;
                }
            }
        }

        foreach (PlanValue output in plan.Outputs)
        {
            AssertWrittenBy(output, output.Producer, writers);
        }
    }

    private static void AssertWrittenBy(PlanValue value, PlanStep? producer, Dictionary<long, PlanStep> writers)
    {
        for (int i = 0; producer is not null && value.Storage == Storage.Computed && i < value.Length; i++)
        {
            Assert.That(writers[value.Place + i], Is.SameAs(producer), $"element {i} of {value.Node}");
        }
    }

    /// <summary>
    /// Where one step writes memory that another touches, and not both are done by the first thread alone, all threads meet in between.
    /// </summary>
    private static void AssertThreadsMeetBetweenConflicts(Plan plan)
    {
        static bool Overlap(PlanValue a, PlanValue b) =>
            a.Overlaps(b) || (a.Place >= 0 && b.Place >= 0 && a.Place < b.Place + b.Length && b.Place < a.Place + a.Length);

        var sinceMeeting = new List<(ScheduledKernel Kernel, PlanValue Memory, bool Writes)>();
        foreach (ScheduledKernel kernel in plan.Kernels)
        {
            PlanStep step = kernel.Step;
            if (kernel.Meets)
            {
                sinceMeeting.Clear();
            }

            (ScheduledKernel Kernel, PlanValue Memory, bool Writes)[] touched =
            [
                .. step.Inputs.Select((input, i) => (kernel, input, step.Operation.Updates(i))),
                .. step.Outputs.Select(output => (kernel, output, true)),
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
