using NativeBackprop.Layers;
using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Layers;

/// <summary>Recurrent layers: what their plans come down to, rows of different lengths, states carried from window to window.</summary>
[TestFixture]
public sealed class RecurrentTests
{
    private const int Steps = 6, Rows = 4, Inputs = 5, Units = 7;

    private static readonly int[] _lengths = [6, 1, 4, 2];

    private static IEnumerable<Func<int, RecurrentOutput, bool, Recurrent>> Kinds =>
    [
        (layers, output, both) => new Rnn(Inputs, Units, layers, both, output: output),
        (layers, output, both) => new Rnn(Inputs, Units, layers, both, output: output, activation: new Relu()),
        (layers, output, both) => new Lstm(Inputs, Units, layers, both, output: output),
        (layers, output, both) => new Gru(Inputs, Units, layers, both, output: output),
    ];

    [Test]
    public void A_training_step_of_an_lstm_has_one_product_for_each_weight_and_copies_nothing()
    {
        var graph = new Graph();
        var layer = new Lstm(Inputs, Units);
        layer.Initialize(1);
        Node x = graph.Input("x", [Shape.Batch, Steps, Inputs]);
        Node y = layer.Build(x, new BuildContext(graph, BuildMode.Training)), cost = y.Square().Sum();
        Node[] weights = [.. layer.Parameters.Select(graph.Variable)];
        using Plan plan = graph.Compile([cost, .. graph.Gradient(cost, weights)], new PlanOptions { BatchSize = Rows });
        Operation[] operations = [.. plan.Kernels.Select(kernel => kernel.Step.Operation)];
        Assert.That(operations.OfType<LstmStep>().Count(), Is.EqualTo(Steps));
        Assert.That(operations.OfType<LstmBackward>().Count(), Is.EqualTo(Steps));
        Assert.That(operations.OfType<MatMul>().Count(product => product.TransposeA), Is.EqualTo(2), "one for each weight");
        Assert.That(operations.Select(operation => operation.Name), Has.None.Matches("^(copy|clear|concatenate|pad)$"));
        Assert.That(operations.Count(op => op is LstmCell or LstmCellGradient or Binary { Name: "add" }), Is.EqualTo(1), "biases");
        Assert.That(plan.Describe().InPlace, Is.GreaterThan(2 * Steps - 2), "gates go where the projected input was");
    }

    [Test]
    public void A_training_step_of_a_gru_has_one_product_for_each_weight()
    {
        var graph = new Graph();
        var layer = new Gru(Inputs, Units);
        layer.Initialize(1);
        Node x = graph.Input("x", [Shape.Batch, Steps, Inputs]);
        Node cost = layer.Build(x, new BuildContext(graph, BuildMode.Training)).Square().Sum();
        Node[] weights = [.. layer.Parameters.Select(graph.Variable)];
        using Plan plan = graph.Compile([cost, .. graph.Gradient(cost, weights)], new PlanOptions { BatchSize = Rows });
        Operation[] operations = [.. plan.Kernels.Select(kernel => kernel.Step.Operation)];
        Assert.That(operations.OfType<GruStep>().Count(), Is.EqualTo(Steps));
        Assert.That(operations.OfType<GruBackward>().Count(), Is.EqualTo(Steps));
        Assert.That(operations.OfType<MatMul>().Count(product => product.TransposeA), Is.EqualTo(2), "one for each weight");
        Assert.That(operations.Select(operation => operation.Name), Has.None.Matches("^(copy|clear|concatenate|pad)$"));
    }

    // A row of a shorter sequence alone, without lengths, is the reference: outputs, final states and gradients.
    [TestCaseSource(nameof(Kinds))]
    public void Rows_of_different_lengths_are_as_each_of_them_alone(Delegate kind)
    {
        foreach (RecurrentOutput output in Enum.GetValues<RecurrentOutput>())
        {
            Recurrent layer = ((Func<int, RecurrentOutput, bool, Recurrent>)kind)(2, output, true);
            layer.Initialize(3);
            float[] x = Numbers(Rows * Steps * Inputs, 4);
            Run whole = Compute(layer, x, Rows, Steps, _lengths);
            var gradients = new double[whole.Gradients.Length];
            for (int row = 0; row < Rows; row++)
            {
                int length = _lengths[row];
                Run alone = Compute(layer, x.AsSpan(row * Steps * Inputs, length * Inputs).ToArray(), 1, length, null);
                float[] expected = [.. alone.Output, .. new float[output == RecurrentOutput.Last ? 0 : (Steps - length) * 2 * Units]];
                int width = whole.Output.Length / Rows;
                AssertClose(whole.Output.AsSpan(row * width, width), expected, $"{layer.GetType().Name} row {row}");
                AssertClose(RowOf(whole.Hidden, row, Rows), alone.Hidden, $"{layer.GetType().Name} hidden {row}");
                AssertClose(RowOf(whole.Cell, row, Rows), alone.Cell, $"{layer.GetType().Name} cell {row}");
                float[] dx = [.. alone.InputGradient, .. new float[(Steps - length) * Inputs]];
                AssertClose(whole.InputGradient.AsSpan(row * Steps * Inputs, Steps * Inputs), dx, $"{layer.GetType().Name} dx {row}");
                for (int i = 0; i < gradients.Length; i++)
                {
                    gradients[i] += alone.Gradients[i];
                }
            }

            AssertClose(whole.Gradients, Array.ConvertAll(gradients, value => (float)value), "gradients");
        }
    }

    [TestCaseSource(nameof(Kinds))]
    public void What_stands_beyond_a_row_acts_on_nothing(Delegate kind)
    {
        Recurrent layer = ((Func<int, RecurrentOutput, bool, Recurrent>)kind)(2, RecurrentOutput.Sequence, true);
        layer.Initialize(3);
        float[] x = Numbers(Rows * Steps * Inputs, 4), other = [.. x];
        for (int row = 0; row < Rows; row++)
        {
            other.AsSpan(((row * Steps) + _lengths[row]) * Inputs, (Steps - _lengths[row]) * Inputs).Fill(1e30f);
        }

        (Run a, Run b) = (Compute(layer, x, Rows, Steps, _lengths), Compute(layer, other, Rows, Steps, _lengths));
        Assert.That(b.Output, Is.EqualTo(a.Output));
        Assert.That(b.Hidden, Is.EqualTo(a.Hidden));
        Assert.That(b.InputGradient, Is.EqualTo(a.InputGradient));
        Assert.That(b.Gradients, Is.EqualTo(a.Gradients));
    }

    [TestCaseSource(nameof(Kinds))]
    public void Windows_that_carry_the_state_give_the_outputs_of_one_long_sequence(Delegate kind)
    {
        Recurrent layer = ((Func<int, RecurrentOutput, bool, Recurrent>)kind)(2, RecurrentOutput.Sequence, false);
        layer.Initialize(5);
        float[] x = Numbers(Rows * Steps * Inputs, 6);
        Run whole = Compute(layer, x, Rows, Steps, null);
        foreach (int window in (int[])[1, 2, 3])
        {
            float[] hidden = new float[2 * Rows * Units], cell = new float[hidden.Length];
            for (int at = 0; at < Steps; at += window)
            {
                Run part = Compute(layer, Window(x, Inputs, at, window), Rows, window, null, hidden, cell);
                AssertClose(part.Output, Window(whole.Output, Units, at, window), $"{layer.GetType().Name}, {window} steps from {at}");
                (hidden, cell) = (part.Hidden, part.Cell);
            }

            AssertClose(hidden, whole.Hidden, "the final state");
        }
    }

    [Test]
    public void A_state_or_an_input_that_does_not_fit_is_refused()
    {
        var graph = new Graph();
        var context = new BuildContext(graph, BuildMode.Training);
        var lstm = new Lstm(Inputs, Units);
        Node x = graph.Input("x", [Shape.Batch, Steps, Inputs]), h = graph.Input("h", [1, Shape.Batch, Units]);
        Assert.That(() => lstm.Build(graph.Input("y", [Shape.Batch, Inputs]), context),
            Throws.TypeOf<ShapeException>().With.Message.EqualTo(
                "an LSTM takes a sequence [B, T, 5], got features of shape [B, 5] from y"));
        Assert.That(() => lstm.Build(graph.Input("z", [Shape.Batch, 0, Inputs]), context),
            Throws.TypeOf<ShapeException>().With.Message.Contains("1 to 16384 steps"));
        Assert.That(() => lstm.Build(graph.Input("w", [Shape.Batch, 1 << 20, Inputs]), context), Throws.TypeOf<ShapeException>());
        Assert.That(() => lstm.Build(x, context, new RecurrentState(h), out _),
            Throws.TypeOf<ShapeException>().With.Message.Contains("and a cell state"));
        Assert.That(() => new Gru(Inputs, Units).Build(x, context, new RecurrentState(h, h), out _),
            Throws.TypeOf<ShapeException>().With.Message.Contains("without a cell state"));
        Assert.That(() => new Gru(Inputs, Units, layers: 2).Build(x, context, new RecurrentState(h), out _),
            Throws.TypeOf<ShapeException>().With.Message.Contains("a hidden state of shape [2, B, 7], got [1, B, 7] from h"));
        Assert.That(() => new Lstm(0, 3), Throws.TypeOf<OptionException>());
        Assert.That(() => new Lstm(3, 3, layers: 0), Throws.TypeOf<OptionException>());
        Assert.That(() => new Lstm(3, 3, layers: int.MaxValue), Throws.TypeOf<OptionException>());
        Assert.That(() => new Lstm(3, int.MaxValue / 2), Throws.TypeOf<OptionException>());
        Assert.That(() => new Gru(3, 3, dropout: 1), Throws.TypeOf<OptionException>());
        Assert.That(() => new Rnn(3, 3, activation: new Sigmoid()), Throws.TypeOf<OptionException>());
        Assert.That(() => new Rnn(3, 3, output: (RecurrentOutput)2), Throws.TypeOf<OptionException>());
        Assert.That(() => new BuildContext(graph, BuildMode.Training) { Lengths = x }, Throws.TypeOf<GraphException>());
    }

    [Test]
    public void An_embedding_refuses_numbers_and_more_indices_than_it_has_rows()
    {
        var graph = new Graph();
        var context = new BuildContext(graph, BuildMode.Training);
        var embedding = new Embedding(4, 3);
        Assert.That(embedding.Build(graph.Indices("few", [Shape.Batch, 5], 3), context).Shape.Equals([Shape.Batch, 5, 3]), Is.True);
        Assert.That(() => embedding.Build(graph.Indices("many", [Shape.Batch, 5], 5), context),
            Throws.TypeOf<ShapeException>().With.Message.Contains("4 rows").And.Message.Contains("indices below 5"));
        Assert.That(() => embedding.Build(graph.Input("x", [Shape.Batch, 5]), context),
            Throws.TypeOf<ShapeException>().With.Message.Contains("an embedding takes indices [B, T], got features"));
        Assert.That(() => new Embedding(0, 1), Throws.TypeOf<OptionException>());
    }

    private static Run Compute(
        Recurrent layer, float[] x, int rows, int steps, int[]? lengths, float[]? hidden = null, float[]? cell = null)
    {
        var graph = new Graph();
        Node? counts = lengths is null ? null : graph.Lengths("lengths", steps);
        var context = new BuildContext(graph, BuildMode.Evaluation) { Lengths = counts };
        Node input = graph.Input("x", [Shape.Batch, steps, Inputs]);
        int states = layer.Layers * (layer.IsBidirectional ? 2 : 1);
        Node h = graph.Input("h", [states, Shape.Batch, Units]), c = graph.Input("c", [states, Shape.Batch, Units]);
        RecurrentState? initial = hidden is null ? null : new RecurrentState(h, layer is Lstm ? c : null);
        Node y = layer.Build(input, context, initial, out RecurrentState final);
        Node cost = (y.Square() + (y * 0.3f)).Sum();
        Node[] gradients = graph.Gradient(cost, [input, .. layer.Parameters.Select(graph.Variable)]);
        Node[] outputs = [y, final.Hidden, final.Cell ?? final.Hidden, .. gradients];
        using Plan plan = graph.Compile(outputs, new PlanOptions { BatchSize = rows });
        plan.Bind(input, x);
        if (counts is not null)
        {
            plan.BindLabels(counts, lengths);
        }

        if (initial is not null)
        {
            plan.Bind(h, hidden);
            _ = initial.Cell is null ? plan : plan.Bind(c, cell);
        }

        plan.Run();
        float[][] values = [.. outputs.Select(output => plan[output].ToArray())];
        return new Run(values[0], values[1], values[2], values[3], [.. values[4..].SelectMany(value => value)]);
    }

    private static float[] Numbers(int length, ulong seed)
    {
        var random = new RandomSource(seed);
        return [.. Enumerable.Range(0, length).Select(_ => (float)random.NextNormal())];
    }

    // Some steps of every row of [Rows, Steps, width].
    private static float[] Window(float[] x, int width, int at, int count) =>
        [.. Enumerable.Range(0, Rows).SelectMany(row => x.AsSpan(((row * Steps) + at) * width, count * width).ToArray())];

    // One row of [.., rows, Units].
    private static float[] RowOf(float[] states, int row, int rows)
    {
        IEnumerable<int> starts = Enumerable.Range(0, states.Length / (rows * Units)).Select(i => ((i * rows) + row) * Units);
        return [.. starts.SelectMany(start => states.AsSpan(start, Units).ToArray())];
    }

    private static void AssertClose(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, string about)
    {
        Assert.That(actual.Length, Is.EqualTo(expected.Length), about);
        for (int i = 0; i < actual.Length; i++)
        {
            Assert.That(actual[i], Is.EqualTo(expected[i]).Within(2e-5 * (1 + Math.Abs(expected[i]))), $"{about} at {i}");
        }
    }

    private sealed record Run(float[] Output, float[] Hidden, float[] Cell, float[] InputGradient, float[] Gradients);
}
