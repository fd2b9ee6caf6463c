using NativeBackprop.Layers;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Layers;

/// <summary>A state in buffers, which a training step or a step of a prediction goes on from and writes when it succeeds.</summary>
[TestFixture]
public sealed class CarriedStateTests
{
    private const int Rows = 2, Steps = 8, Window = 2, Inputs = 3, Units = 4;

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(4)]
    public void Windows_of_truncated_backpropagation_give_the_outputs_of_one_long_sequence(int window)
    {
        float[] x = Numbers(Rows * Steps * Inputs, 1);
        var lstm = new Lstm(Inputs, Units);
        lstm.Initialize(2);
        var graph = new Graph();
        Node whole = graph.Input("x", [Rows, Steps, Inputs]), y = lstm.Build(whole, new BuildContext(graph, BuildMode.Training));
        using Plan plan = graph.Compile([y]);
        plan.Bind(whole, x).Run();
        float[] expected = plan[y].ToArray();

        var model = new Carrying(lstm, Rows);
        var windows = new Graph();
        var context = new BuildContext(windows, BuildMode.Training);
        Node part = windows.Input("x", [Rows, window, Inputs]), output = model.Build(part, context);

        // A rate so small that the weights stay those of the long sequence.
        using var step = new TrainingStep(context, output.Square().Mean(), lstm.Parameters, new Sgd(1e-30f));
        for (int at = 0; at < Steps; at += window)
        {
            step.Watch(output);
            step.Bind(part, Part(x, Inputs, at, window)).Run();
            float[] actual = step[output].ToArray();
            Assert.That(actual, Is.EqualTo(Part(expected, Units, at, window)).Within(1e-6), $"{window} steps from {at}");
        }
    }

    [Test]
    public void A_plan_of_one_step_reads_a_sequence_as_it_comes()
    {
        float[] x = Numbers(Steps * Inputs, 3);
        var gru = new Gru(Inputs, Units, layers: 2);
        gru.Initialize(4);
        var graph = new Graph();
        var context = new BuildContext(graph, BuildMode.Evaluation);
        Node whole = graph.Input("x", [1, Steps, Inputs]), y = gru.Build(whole, context);
        using Plan plan = graph.Compile([y]);
        plan.Bind(whole, x).Run();
        float[] expected = plan[y].ToArray();

        Node one = graph.Input("one", [1, 1, Inputs]), before = graph.Input("state", [2, 1, Units]);
        Node output = gru.Build(one, context, new RecurrentState(before), out RecurrentState after);
        using Plan step = graph.Compile([output, after.Hidden]);
        step.Bind(before, new float[2 * Units]);
        for (int t = 0; t < Steps; t++)
        {
            step.Bind(one, x.AsSpan(t * Inputs, Inputs)).Run();
            Assert.That(step[output].ToArray(), Is.EqualTo(expected.AsSpan(t * Units, Units).ToArray()).Within(1e-6), $"{t}");
            step.Bind(before, step[after.Hidden].ToArray());
        }
    }

    // Backpropagation is truncated: no gradient goes back beyond the window.
    [Test]
    public void No_gradient_goes_back_into_the_state_of_the_window_before()
    {
        var lstm = new Lstm(Inputs, Units);
        lstm.Initialize(2);
        var model = new Carrying(lstm, Rows);
        var graph = new Graph();
        Node part = graph.Input("x", [Rows, Window, Inputs]), output = model.Build(part, new BuildContext(graph, BuildMode.Training));
        Node cost = output.Square().Sum();
        Node h = graph.Input("h", [1, Rows, Units]), c = graph.Input("c", [1, Rows, Units]);
        Node alone = lstm.Build(part, new BuildContext(graph, BuildMode.Training), new RecurrentState(h, c), out _).Square().Sum();
        Node weight = graph.Variable(lstm.Parameters["weight_hh_l0"]);
        Node carried = graph.Gradient(cost, weight)[0], given = graph.Gradient(alone, weight)[0];
        model.Buffers["hidden"].Set(Numbers(Rows * Units, 7));
        model.Buffers["cell"].Set(Numbers(Rows * Units, 8));
        using Plan plan = graph.Compile([carried, given]);
        plan.Bind(part, Numbers(Rows * Window * Inputs, 9)).Bind(h, Numbers(Rows * Units, 7)).Bind(c, Numbers(Rows * Units, 8)).Run();
        Assert.That(plan[carried].ToArray(), Is.EqualTo(plan[given].ToArray()).Within(1e-6));
        Assert.That(plan[carried].ToArray(), Has.Some.Not.Zero);
    }

    private static float[] Numbers(int length, ulong seed)
    {
        var random = new RandomSource(seed);
        return [.. Enumerable.Range(0, length).Select(_ => (float)random.NextNormal())];
    }

    // Some steps of every row of [Rows, Steps, width].
    private static float[] Part(float[] x, int width, int at, int count) =>
        [.. Enumerable.Range(0, Rows).SelectMany(row => x.AsSpan(((row * Steps) + at) * width, count * width).ToArray())];

    /// <summary>An LSTM that goes on from where it was.</summary>
    private sealed class Carrying : Layer
    {
        private readonly Lstm _lstm;
        private readonly Parameter _hidden, _cell;

        public Carrying(Lstm lstm, int rows) => (_lstm, _hidden, _cell) =
            (AddChild("lstm", lstm), AddBuffer("hidden", [1, rows, lstm.Units]), AddBuffer("cell", [1, rows, lstm.Units]));

        protected override Node BuildCore(Node input, BuildContext context)
        {
            var before = new RecurrentState(context.Variable(_hidden), context.Variable(_cell));
            Node output = _lstm.Build(input, context.Child("lstm"), before, out RecurrentState after);
            context.AddEffect(_hidden, after.Hidden);
            context.AddEffect(_cell, after.Cell!);
            return output;
        }
    }
}
