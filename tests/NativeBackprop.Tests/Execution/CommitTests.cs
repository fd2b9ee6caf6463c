using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>A run that fails leaves every variable bit for bit as it was, says what was wrong, and the next run works.</summary>
[TestFixture]
internal sealed class CommitTests
{
    private const int Length = 4000;

    [Test]
    public void A_value_outside_a_domain_stops_the_run_before_anything_is_updated([Values(1, 2, 3)] int threads, [Values] bool halves)
    {
        var step = new Step(threads, x => x.Log(), halves);
        step.AssertStops<GraphException>(-1, "log#");
    }

    [Test]
    public void A_cost_that_is_not_finite_stops_the_run_and_is_traced_to_where_it_began([Values(1, 2, 3)] int threads, [Values] bool halves)
    {
        var step = new Step(threads, x => x.Graph.SetName(x.Exp(), "blown"), halves);
        NonFiniteException error = step.AssertStops<NonFiniteException>(1000, "blown is not finite: element 1234 is ");
        Assert.That((error.Node, error.Step), Is.EqualTo(("blown", (long?)null)));
        NonFiniteException inTraining = error.AtStep(17);
        Assert.That(inTraining.Message, Is.EqualTo("step 17: " + error.Message));
        Assert.That((inTraining.Node, inTraining.Step), Is.EqualTo(("blown", (long?)17)));
    }

    [Test]
    public void What_a_users_op_throws_stops_the_run_and_is_the_inner_exception([Values(1, 2, 3)] int threads)
    {
        var step = new Step(threads, x => x.Graph.SetName(x.Graph.Add(new Refusal(), x), "mine"), halves: false);
        GraphException error = step.AssertStops<GraphException>(-1, "mine(x): the custom op failed: ArithmeticException: below zero");
        Assert.That(error.InnerException, Is.TypeOf<ArithmeticException>());
    }

    [Test]
    public void A_failure_of_a_kernel_stops_the_run_on_every_thread([Values(1, 2, 3)] int threads)
    {
        bool fail = false;
        int owner = Environment.CurrentManagedThreadId;
        void Act() => Fail(fail && (threads == 1 || Environment.CurrentManagedThreadId != owner));
        var step = new Step(threads, x => x.Graph.Add(new Probe(Act, 10_000_000), x).Sqrt(), halves: false);
        float[] before = step.Weights();
        fail = true;
        Assert.That(step.Run, Throws.TypeOf<TimeoutException>());
        Assert.That(step.Weights(), Is.EqualTo(before));
        fail = false;
        step.Run();
        Assert.That(step.Weights(), Is.Not.EqualTo(before));
    }

    [Test]
    public void A_thread_that_updates_waits_for_one_that_may_still_find_a_fault([Values(2, 3)] int threads)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [Length]), w = graph.Variable("w", [Length], new float[Length]), late = graph.Add(new LateFault(), x);
        Node update = graph.Add(new SgdUpdate(0), w, graph.Constant(1, [Length]), graph.Constant(1f));
        using Plan plan = graph.Compile([late, update, w], new PlanOptions { Threads = threads, ExactThreads = true });
        plan.Bind(x, new float[Length]);
        Assert.That(plan.Run, Throws.TypeOf<GraphException>().With.Message.EndsWith("too late"));
        Assert.That(plan[w].ToArray(), Is.All.Zero);
    }

    [Test]
    public void A_parameter_or_a_buffer_that_is_not_finite_is_named_itself()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [3]), w = graph.Variable("w", [3], 1, 2, 3);
        Node cost = (w * x).Square().Sum(), check = graph.Add(new CheckFinite(), cost);
        using Plan plan = graph.Compile([cost, check]);
        plan.Bind(x, new PinnedBuffer([1f, float.NaN, 1]));
        Assert.That(plan.Run, Throws.TypeOf<NonFiniteException>().With.Message.EqualTo("x is not finite: element 1 is NaN"));
        plan.Bind(x, [1f, 1, 1]).Run();
        ((Variable)w.Op).Parameter.Span[2] = float.NegativeInfinity;
        Assert.That(plan.Run, Throws.TypeOf<NonFiniteException>().With.Message.StartsWith("w is not finite: element 2 is -"));
    }

    [Test]
    public void Several_values_are_checked_by_one_op_on_any_number_of_threads([Values(1, 2, 3)] int threads, [Values(0, 1, 2)] int bad)
    {
        var graph = new Graph();
        Node[] xs = [graph.Input("a", [1000]), graph.Input("b", [1]), graph.Input("c", [30, 40])];
        Node check = graph.Add(new CheckFinite(), xs);
        using Plan plan = graph.Compile([check], new PlanOptions { Threads = threads, ExactThreads = true });
        PinnedBuffer[] buffers = [new(1000), new(1), new(1200)];
        for (int i = 0; i < xs.Length; i++)
        {
            plan.Bind(xs[i], buffers[i]);
        }

        plan.Run();
        buffers[bad].Span[^1] = float.NaN;
        Assert.That(plan.Run, Throws.TypeOf<NonFiniteException>().With.Message.EqualTo(
            $"{xs[bad]} is not finite: element {buffers[bad].Length - 1} is NaN"));
        buffers[bad].Span[^1] = 0;
        plan.Run();
        Assert.That(plan[check].Item, Is.Zero);
    }

    [Test]
    public void An_effect_is_not_committed_and_does_not_hide_where_a_value_went_wrong([Values(1, 2, 3)] int threads)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [Length]), n = graph.Variable("n", [1], 6), count = graph.Add(new Counter(), n);
        Node cost = (graph.SetName(x.Exp(), "blown") * count).Sum(), check = graph.Add(new CheckFinite(), cost);
        using Plan plan = graph.Compile([cost, check, count], new PlanOptions { Threads = threads, ExactThreads = true });
        float[] values = new float[Length];
        plan.Bind(x, values).Run();
        Assert.That((plan[cost].Item, plan[count].Item), Is.EqualTo((7f * Length, 7f)));
        values[17] = 1000;
        Assert.That(plan.Bind(x, values).Run,
            Throws.TypeOf<NonFiniteException>().With.Message.StartsWith("blown is not finite: element 17 is"));
        Assert.That(((Variable)n.Op).Parameter.Value[0], Is.EqualTo(7));
        values[17] = 0;
        plan.Bind(x, values).Run();
        Assert.That(plan[cost].Item, Is.EqualTo(8f * Length), "the stream goes on where it was");
    }

    [Test]
    public void A_whole_run_of_two_halves_is_all_or_nothing([Values(1, 2, 3)] int threads, [Values] bool fuse, [Values] Late late)
    {
        using var halves = new Halves(threads, fuse, late);
        halves.Run();
        float[] before = halves.Values();
        for (int round = 0; round < 2; round++)
        {
            halves.Spoil(1000);
            Assert.That(halves.Run, Throws.InstanceOf<NativeBackpropException>());
            Assert.That(halves.Values(), Is.EqualTo(before), "changed by a run that failed");
        }

        halves.Spoil(null);
        halves.Run();
        using var unbroken = new Halves(threads, fuse, late);
        unbroken.Run();
        unbroken.Run();
        Assert.That(halves.Values(), Is.EqualTo(unbroken.Values()), "goes on as if nothing had been");
        Assert.That(halves.Values(), Is.Not.EqualTo(before));
    }

    [Test]
    public void A_first_half_that_succeeds_is_committed_whatever_the_rest_does([Values(1, 2)] int threads, [Values] Late late)
    {
        using var halves = new Halves(threads, fuse: true, late);
        halves.RunFirst();
        float[] first = halves.Values();
        Assert.That(first[^1], Is.EqualTo(1), "counted");
        halves.Spoil(1000);
        halves.RunFirst();
        float[] second = halves.Values();
        Assert.That(second[^1], Is.EqualTo(2));
        Assert.That(halves.RunRest, Throws.InstanceOf<NativeBackpropException>());
        Assert.That(halves.Values(), Is.EqualTo(second));
    }

    [Test]
    public void A_check_behind_the_first_halfs_effects_finds_where_it_began(
        [Values(1, 2, 3)] int threads, [Values] bool whole, [Values(1000, 0)] float bad)
    {
        using var halves = new Halves(threads, fuse: true, Late.Check);
        halves.Run();
        halves.Spoil(bad);
        if (!whole)
        {
            halves.RunFirst();
        }

        float[] before = halves.Values();
        NonFiniteException? error = Assert.Throws<NonFiniteException>(whole ? halves.Run : halves.RunRest);
        Assert.That(error!.Message, Does.Match($"^{(bad == 0 ? "sqrt_gradient#[0-9]+" : "blown")} is not finite: element 17 is "));
        Assert.That(halves.Values(), Is.EqualTo(before));
        halves.Spoil(null);
        Assert.That(halves.Run, Throws.Nothing);
    }

    private static void Fail(bool fail)
    {
        if (fail)
        {
            throw new TimeoutException("spoilt");
        }
    }

    /// <summary>A cost Σ w ⊙ f(x) that is checked, and a step of gradient descent on w.</summary>
    private sealed class Step
    {
        private readonly Plan _plan;
        private readonly Node _x, _w, _cost;
        private readonly bool _halves;

        public Step(int threads, Func<Node, Node> function, bool halves)
        {
            var graph = new Graph();
            _halves = halves;
            _x = graph.Input("x", [Length]);
            _w = graph.Variable("w", [Length], [.. Enumerable.Repeat(1f, Length)]);
            _cost = (_w * function(_x)).Sum();
            Node check = graph.Add(new CheckFinite(), _cost);
            Node update = graph.Add(new SgdUpdate(0), _w, graph.Gradient(_cost, _w)[0], graph.Constant(0.1f));
            _plan = graph.Compile([_cost, check, update, _w], new PlanOptions
            {
                Threads = threads,
                ExactThreads = true,
                First = halves ? [_cost, check] : [],
            });
            Bind(2);
        }

        public float[] Weights() => _plan[_w].ToArray();

        public void Run()
        {
            if (_halves)
            {
                _plan.RunFirst();
                _plan.RunRest();
            }
            else
            {
                _plan.Run();
            }
        }

        public T AssertStops<T>(float bad, string message)
            where T : Exception
        {
            Run();
            float[] before = Weights();
            T? error = null;
            for (int round = 0; round < 3; round++)
            {
                Bind(bad);
                error = Assert.Throws<T>(Run);
                Assert.That(error!.Message, Does.StartWith(message));
                Assert.That(Weights(), Is.EqualTo(before), "updated by a run that failed");
                Assert.That(() => _plan[_cost], Throws.InvalidOperationException);
                Assert.That(_plan.RunRest, Throws.InvalidOperationException);
            }

            Bind(2);
            Run();
            Assert.That(Weights()[0], Is.LessThan(before[0]), "the next run works");
            return error!;
        }

        private void Bind(float value)
        {
            float[] values = [.. Enumerable.Repeat(2f, Length)];
            values[1234] = value;
            _plan.Bind(_x, values);
        }
    }

    /// <summary>What can fault in the second half.</summary>
    public enum Late
    {
        Check,
        Domain,
        UsersOp,
    }

    /// <summary>
    /// A cost behind dropout, with running statistics, an update and a count in the first half, and gradient descent in the second, where
    /// something faults: the gradient is checked, or read where it has no value.
    /// </summary>
    private sealed class Halves : IDisposable
    {
        private readonly Plan _plan;
        private readonly Node _x;
        private readonly Node[] _variables;

        public Halves(int threads, bool fuse, Late late)
        {
            var graph = new Graph();
            _x = graph.Input("x", [40, 10]);
            Node w = graph.Variable("w", [10], [.. Enumerable.Repeat(0.5f, 10)]), early = graph.Variable("early", [10], new float[10]);
            Node running = graph.Variable("running", [10], new float[10]), state = graph.Variable("runs", [2], 0, 0);
            Node steps = graph.Variable("steps", [1], 0), rate = graph.Constant(0.1f);
            Node count = graph.Add(new Counter(2), state), mean = graph.Add(new RunningMean(), running, _x);
            Node mask = graph.Add(new DropoutMask(0.5f, 1, [40, 10]), count);
            Node blown = graph.SetName(_x.Exp(), "blown"), root = _x.Square().Sqrt();
            Node hidden = ((1f / blown) + root) * mask * (w + mean);
            Node cost = hidden.Sum(), check = graph.Add(new CheckFinite(), cost);
            Node first = graph.Add(new SgdUpdate(0), early, graph.Constant(1, [10]), rate), counted = graph.Add(new Counter(), steps);
            Node[] d = graph.Gradient(cost, w, _x);
            Node fault = late switch
            {
                Late.Check => graph.Add(new CheckFinite(), d[1]),
                Late.Domain => (100f - blown).Log(),
                _ => graph.Add(new Refusal(), 100f - blown),
            };
            Node update = graph.Add(new SgdUpdate(0), w, d[0], rate);
            _variables = [w, early, running, state, steps];
            _plan = graph.Compile([cost, check, mean, first, counted, fault, update, .. _variables], new PlanOptions
            {
                Threads = threads,
                ExactThreads = true,
                Fuse = fuse,
                First = [cost, check, mean, first, counted],
            });
            Spoil(null);
        }

        // Beyond float's range the exponential goes wrong, and what is made of it is finite until the gradient; at 0 the gradient of the
        // square root does, in the second half.
        public void Spoil(float? bad)
        {
            float[] values = [.. Enumerable.Range(1, 400).Select(i => MathF.Sin(i))];
            values[17] = bad ?? values[17];
            _plan.Bind(_x, values);
        }

        public void Run() => _plan.Run();

        public void RunFirst() => _plan.RunFirst();

        public void RunRest() => _plan.RunRest();

        public float[] Values() => [.. _variables.SelectMany(variable => ((Variable)variable.Op).Parameter.Value.ToArray())];

        public void Dispose() => _plan.Dispose();
    }

    /// <summary>y = x, and a fault that the last thread finds when the others are long through.</summary>
    private sealed record LateFault : Op
    {
        internal override bool CanFault => true;

        internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0];

        internal override Node? Gradient(Node node, int input, Node dy) => null;

        internal override Kernel CreateKernel(KernelArguments arguments) => new LateKernel(arguments.Inputs[0], arguments.Output);

        internal override void Evaluate(ReferenceArguments arguments) => arguments.Inputs[0].CopyTo(arguments.Output, 0);

        private sealed class LateKernel : Kernel
        {
            private readonly Operand _x, _y;

            public LateKernel(Operand x, Operand y) => (_x, _y, Units) = (x, y, x.Length);

            public override string Call => "late";

            public override void Run(int begin, int end, int thread)
            {
                _x.Span[begin..end].CopyTo(_y.Span[begin..end]);
                if (end == Units)
                {
                    Thread.Sleep(50);
                    Report(new Fault("too late"));
                }
            }
        }
    }

    private sealed class Refusal : CustomOp
    {
        public override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0];

        public override void Forward(CustomInputs<float> inputs, Span<float> output)
        {
            inputs[0].CopyTo(output);
            foreach (float value in output)
            {
                _ = value >= 0 ? 0 : throw new ArithmeticException("below zero");
            }
        }

        public override void Backward(
            int input,
            CustomInputs<float> inputs,
            ReadOnlySpan<float> output,
            ReadOnlySpan<float> outputGradient,
            Span<float> inputGradient) =>
            outputGradient.CopyTo(inputGradient);
    }
}
