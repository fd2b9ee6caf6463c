using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>
/// Random reads, writes, views, effects and faults, and derivatives asked for at the end: plans give what doing everything in the order of
/// building gives, fused and not, on any number of threads, in halves and in one run; and so does the reference.
/// </summary>
[TestFixture]
public sealed class RandomProgramTests
{
    private const int Programs = 120;

    [TestCase(false, 1)]
    [TestCase(true, 1)]
    [TestCase(true, 2)]
    [TestCase(true, 3)]
    public void A_plan_gives_what_doing_everything_in_order_gives(bool fuse, int threads)
    {
        int copies = 0, commits = 0, halves = 0;
        for (ulong seed = 1; seed <= Programs; seed++)
        {
            var trial = new Trial(seed);
            CommitOrderTests.AssertCommits(trial.Program.Graph, trial.Outputs, trial.First);
            var options = new PlanOptions { Fuse = fuse, Threads = threads, ExactThreads = true, First = trial.First };
            using Plan plan = trial.Program.Graph.Compile([.. trial.Outputs, (trial.Program.X * trial.Program.RateInput).Sum()], options);
            copies += plan.Kernels.Count(kernel => kernel.Step.Operation is Copy);
            commits += plan.Kernels.Count(kernel => kernel.Step.Operation is Commit);
            halves += trial.First.Length > 0 ? 1 : 0;
            for (int run = 0; run < 2; run++)
            {
                trial.Reset();
                plan.Bind(trial.Program.X, trial.Program.XValues).Bind(trial.Program.RateInput, 0.25f);
                if (run == 0)
                {
                    plan.Run();
                }
                else
                {
                    plan.RunFirst();
                    plan.RunRest();
                }

                trial.AssertResults(node => [.. plan[node].ToArray().Select(value => (double)value)], 2e-4, $"seed {seed}, run {run}");
            }
        }

        Assert.That(new[] { copies, commits, halves }, Is.All.GreaterThan(10), "copies, commits and halves are tried");
    }

    [Test]
    public void The_reference_gives_what_doing_everything_in_order_gives()
    {
        for (ulong seed = 1; seed <= Programs; seed++)
        {
            var trial = new Trial(seed);
            trial.Reset();
            var reference = new ReferenceEvaluator(trial.Program.Graph);
            reference.Set(trial.Program.X, trial.Program.XValues).Set(trial.Program.RateInput, [0.25]).Run(trial.Outputs);
            trial.AssertResults(node => reference[node], 1e-6, $"seed {seed}");
        }
    }

    /// <summary>A program, some of its nodes as outputs, and derivatives of some that were asked for after everything else.</summary>
    private sealed class Trial
    {
        private readonly List<(Node Node, RandomProgram.Item Y, int Variable)> _derivatives = [];
        private readonly RandomProgram.Item[] _wanted;

        public Trial(ulong seed)
        {
            Program = new RandomProgram(seed, 12 + (int)(seed % 25));
            var wanted = new HashSet<RandomProgram.Item>();
            foreach (RandomProgram.Item item in Program.Items)
            {
                if (Program.Next(3) == 0 || (item.Node.Writes && Program.Next(4) > 0))
                {
                    wanted.Add(item);
                }
            }

            RandomProgram.Item[] values = [.. Program.Items.Where(item => item.Variable is null && item.Node.Op is not Leaf)];
            for (int i = 0; i < Math.Min(3, values.Length); i++)
            {
                RandomProgram.Item y = values[Program.Next(values.Length)];
                int variable = Program.Next(3);
                Node sum = y.Node.Sum();
                try
                {
                    _derivatives.Add((Program.Graph.Gradient(sum, Program.Variable(variable))[0], y, variable));
                    wanted.Add(y);
                }
                catch (GraphException error) when (error.Message.Contains("no gradient", StringComparison.Ordinal))
                {
                    // An update's result leads to it.
                }
            }

            _wanted = [.. wanted.DefaultIfEmpty(Program.Items[^1])];
            Outputs = [.. _wanted.Select(item => item.Node), .. _derivatives.Select(derivative => derivative.Node)];
            First = seed % 3 == 0 ? [_wanted[Program.Next(_wanted.Length)].Node, _wanted[Program.Next(_wanted.Length)].Node] : [];
        }

        public RandomProgram Program { get; }

        public Node[] Outputs { get; }

        public Node[] First { get; }

        public void Reset()
        {
            foreach ((Parameter parameter, float[] values) in Program.Parameters.Zip(Program.Initial))
            {
                values.CopyTo(parameter.Span);
            }
        }

        public void AssertResults(Func<Node, double[]> result, double tolerance, string what)
        {
            RandomProgram.State state = Program.Interpret(Outputs);
            foreach (RandomProgram.Item item in _wanted)
            {
                AssertClose(result(item.Node), item.Read(state), tolerance, $"{what}: {item.Node}");
            }

            foreach ((Node node, RandomProgram.Item y, int variable) in _derivatives)
            {
                var random = new RandomSource(7);
                double[] gradient = result(node), direction = [.. gradient.Select(_ => random.NextNormal())];
                double[] actual = [gradient.Zip(direction, (a, b) => a * b).Sum()];
                double[] expected = [Program.Derivative(Outputs, y, variable, direction)];
                AssertClose(actual, expected, 1e-3, $"{what}: derivative of {y.Node} by v{variable}");
            }
        }

        private static void AssertClose(double[] actual, double[] expected, double tolerance, string what)
        {
            Assert.That(actual, Has.Length.EqualTo(expected.Length), what);
            for (int i = 0; i < actual.Length; i++)
            {
                Assert.That(actual[i], Is.EqualTo(expected[i]).Within(tolerance * (1 + Math.Abs(expected[i]))), $"{what}[{i}]");
            }
        }
    }
}
