using NativeBackprop.Data;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Tests.Ops;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Execution;

/// <summary>
/// Whole networks: every activation with every loss against the double oracle, and with every optimizer fused against unfused.
/// </summary>
[TestFixture]
public sealed class NetworkTests
{
    private const int Inputs = 6, Outputs = 4, Rows = 8;

    private static readonly Elementwise[] Functions =
    [
        new Relu(), new LeakyRelu(0.1f), new Abs(), new Elu(
            0.8f), new Sigmoid(), new Tanh(), new Cos(), NativeBackprop.Ops.Functions.Sin.Create(), new Softplus(1.5f),
            new Silu(), new Gelu(), new GeluTanh(),
    ];

    private static IEnumerable<string> Activations =>
        [.. Functions.Select(function => function.Name), "prelu", "maxout", "layer_norm", "softmax"];

    private static IEnumerable<Loss> Losses =>
        [new SoftmaxCrossEntropy(), new SoftmaxCrossEntropy(denseTargets: true), new MeanSquaredError(), new SigmoidCrossEntropy(),
        new MulticlassHinge(), new GaussianNll()];

    private static IEnumerable<(string Name, Func<Optimizer> Create)> Optimizers =>
    [
        ("sgd", () => new Sgd(0.05f)),
        ("sgd with decay", () => new Sgd(0.05f, weightDecay: 0.1f)),
        ("momentum", () => new Sgd(0.05f, momentum: 0.9f)),
        ("nesterov", () => new Sgd(0.05f, momentum: 0.9f, weightDecay: 0.1f, nesterov: true)),
        ("adagrad", () => new AdaGrad(epsilon: 1e-3f)),
        ("rmsprop", () => new RmsProp(epsilon: 1e-3f)),
        ("adam", () => new Adam(1e-2f, epsilon: 1e-3f)),
        ("adamw", () => new AdamW(1e-2f, epsilon: 1e-3f)),
    ];

    [Test]
    public void Gradients_of_three_layers_agree_with_the_double_oracle([ValueSource(nameof(Activations))] string activation)
    {
        foreach (Loss loss in Losses)
        {
            foreach (int threads in (int[])[1, 2])
            {
                Sequential model = Model(activation);
                var graph = new Graph();
                Node x = graph.Input(
                    "x", [Shape.Batch, Inputs]), output = model.Build(x, BuildMode.Training), targets = Targets(loss, output);
                Node cost = loss.Build(output, targets);
                Node[] wanted = [x, .. model.Parameters.Select(parameter => graph.Variable(parameter))];
                Node[] outputs = [cost, .. graph.Gradient(cost, wanted)];
                using Plan plan = graph.Compile(outputs, new PlanOptions { BatchSize = Rows, Threads = threads, ExactThreads = true });
                var reference = new ReferenceEvaluator(graph, Rows).Set(x, Batch(1));
                plan.Bind(x, Batch(1));
                if (loss.IsClassifier)
                {
                    plan.BindLabels(targets, Labels(1)).Run();
                    reference.Set(targets, Array.ConvertAll(Labels(1), label => (double)label));
                }
                else
                {
                    plan.Bind(targets, Numbers(1, targets.Shape[1])).Run();
                    reference.Set(targets, Numbers(1, targets.Shape[1]));
                }

                reference.Run(outputs);
                for (int i = 0; i < outputs.Length; i++)
                {
                    Assert.That(Norms.Error(plan[outputs[i]].Span, reference[outputs[i]]), Is.LessThanOrEqualTo(1e-5),
                        $"{loss.Name}, {(i == 0 ? "loss" : wanted[i - 1])}");
                }
            }
        }
    }

    [Test]
    public void Fused_and_unfused_training_agree_to_rounding([ValueSource(nameof(Activations))] string activation)
    {
        foreach (Loss loss in Losses)
        {
            foreach ((string name, Func<Optimizer> create) in Optimizers)
            {
                float[] fused = Train(Model(activation), loss, create(), fuse: true),
                    unfused = Train(Model(activation), loss, create(), fuse: false);
                Assert.That(Norms.Error(fused, Norms.Widen(unfused)), Is.LessThanOrEqualTo(1e-5), $"{loss.Name}, {name}");
            }
        }
    }

    [Test]
    public void Training_follows_the_reference_with_every_optimizer_and_a_penalty()
    {
        foreach ((string name, Func<Optimizer> create) in Optimizers)
        {
            Sequential model = Model("tanh"), twin = Model("tanh");
            var loss = new SoftmaxCrossEntropy();
            using var trainer = new Trainer(model, loss, create(), new TrainerOptions { L2 = 0.01f, Threads = 1 });
            var graph = new Graph();
            Node x = graph.Input("x", [Shape.Batch, Inputs]), output = twin.Build(x, BuildMode.Training),
                targets = loss.CreateTargets(output), rate = graph.Input("rate");
            Node plain = loss.Build(output, targets), cost = plain;
            foreach (Parameter parameter in twin.Parameters.Where(parameter => parameter.Shape.Rank > 1))
            {
                cost += 0.01f * graph.Variable(parameter).Square().Sum();
            }

            Optimizer optimizer = create();
            Node[] parameters = [.. twin.Parameters.Select(graph.Variable)];
            Node[] updates = [.. optimizer.AddUpdates([.. twin.Parameters.Zip(graph.Gradient(cost, parameters))], rate)];
            var reference = new ReferenceEvaluator(graph, Rows).Set(rate, [optimizer.LearningRate]);
            for (int step = 0; step < 6; step++)
            {
                float actual = trainer.StepLabels(Batch(step), Labels(step));
                reference.Set(x, Batch(step)).Set(targets, Array.ConvertAll(Labels(step), label => (double)label)).Run([plain, .. updates]);
                Assert.That(actual, Is.EqualTo(reference[plain][0]).Within(1e-5).Percent.Or.EqualTo(reference[plain][0]).Within(2e-5),
                    $"{name}, step {step}");
            }

            foreach ((Parameter parameter, Node variable) in model.Parameters.Zip(parameters))
            {
                Assert.That(Norms.Error(parameter.Value, reference.Leaf(variable)), Is.LessThanOrEqualTo(2e-5), $"{name}, {parameter}");
            }
        }
    }

    [Test]
    public void The_gradient_of_a_batch_twice_over_is_that_of_the_batch()
    {
        foreach (Loss loss in Losses)
        {
            Sequential model = Model("tanh");
            using var trainer = new Trainer(model, loss, new Sgd(0.1f));
            float once = Backward(trainer, loss, 1), again;
            float[] gradient = Gradients(trainer, model);
            again = Backward(trainer, loss, 2);
            Assert.That(again, Is.EqualTo(once).Within(1e-6), loss.Name);
            Assert.That(Norms.Error(Gradients(trainer, model), Norms.Widen(gradient)), Is.LessThanOrEqualTo(1e-6), loss.Name);
        }
    }

    [Test]
    public void Fit_with_a_short_last_batch_does_what_its_steps_do()
    {
        float[] x = [.. Batch(0), .. Batch(1)[..(3 * Inputs)]];
        int[] labels = [.. Labels(0), .. Labels(1)[..3]];
        Sequential model = Model("relu"), twin = Model("relu");
        using var trainer = new Trainer(
            model, new SoftmaxCrossEntropy(), new Adam(), new TrainerOptions { BatchSize = 4, Shuffle = false });
        FitResult result = trainer.Fit(Dataset.FromLabels("toy", x, Inputs, labels, Outputs), null, 2);
        using var steps = new Trainer(twin, new SoftmaxCrossEntropy(), new Adam());
        double total = 0;
        for (int epoch = 0; epoch < 2; epoch++)
        {
            total = 0;
            foreach ((int first, int rows) in ((int, int)[])[(0, 4), (4, 4), (8, 3)])
            {
                total += rows * steps.StepLabels(x.AsSpan(first * Inputs, rows * Inputs), labels.AsSpan(first, rows));
            }
        }

        Assert.That(Flat(model), Is.EqualTo(Flat(twin)));
        Assert.That(result.Epochs[^1].Train.Loss, Is.EqualTo(total / 11).Within(1e-6), "every row weighs the same");
    }

    [Test]
    public void Models_trained_at_once_come_out_as_they_do_alone()
    {
        string[] activations = ["relu", "tanh", "gelu", "maxout"];
        float[][] alone = [.. activations.Select(activation => TrainLong(activation, 1))], together = new float[4][];
        Thread[] threads = [.. activations.Select((activation, i) => new Thread(() => together[i] = TrainLong(activation, 1)))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.That(together, Is.EqualTo(alone));

        static float[] TrainLong(string activation, int threads)
        {
            Sequential model = Model(activation);
            using var trainer = new Trainer(model, new SoftmaxCrossEntropy(), new Adam(), new TrainerOptions { Threads = threads });
            for (int step = 0; step < 50; step++)
            {
                trainer.StepLabels(Batch(step % 4), Labels(step % 4));
            }

            return Flat(model);
        }
    }

    private static Sequential Model(string activation)
    {
        Layer Act(int width) => activation switch
        {
            "prelu" => new Prelu(width),
            "maxout" => new Maxout(2),
            "layer_norm" => new LayerNorm(width),
            "softmax" => new SoftmaxLayer(),
            _ => Functions.Single(function => function.Name == activation),
        };
        int hidden = activation == "maxout" ? 20 : 10, next = activation == "maxout" ? 10 : hidden;
        var model = new Sequential(new Linear(Inputs, hidden), Act(hidden),
            new Linear(next, hidden, weightInitializer: Initializer.Glorot()), Act(hidden),
            new Linear(next, Outputs, biasInitializer: Initializer.Constant(0.1f)));
        model.Initialize(11);
        return model;
    }

    private static float[] Train(Sequential model, Loss loss, Optimizer optimizer, bool fuse)
    {
        using var trainer = new Trainer(model, loss, optimizer, new TrainerOptions { Fuse = fuse, Threads = 1, L2 = 0.01f });
        var losses = new List<float>();
        for (int step = 0; step < 3; step++)
        {
            losses.Add(loss.IsClassifier
                ? trainer.StepLabels(Batch(step), Labels(step))
                : trainer.Step(Batch(step), Numbers(step, loss.TargetWidth(Outputs))));
        }

        return [.. losses, .. Flat(model)];
    }

    private static float Backward(Trainer trainer, Loss loss, int copies)
    {
        float[] x = [.. Enumerable.Repeat(Batch(1), copies).SelectMany(row => row)],
            numbers = [.. Enumerable.Repeat(Numbers(1, loss.TargetWidth(Outputs)), copies).SelectMany(row => row)];
        int[] labels = [.. Enumerable.Repeat(Labels(1), copies).SelectMany(row => row)];
        float result = loss.IsClassifier ? trainer.ForwardLabels(x, labels) : trainer.Forward(x, numbers);
        trainer.Backward();
        return result;
    }

    private static Node Targets(Loss loss, Node output) => loss.CreateTargets(output);

    private static float[] Gradients(Trainer trainer, Sequential model) =>
        [.. model.Parameters.SelectMany(parameter => trainer.Gradient(parameter).ToArray())];

    private static float[] Flat(Sequential model) => [.. model.Parameters.SelectMany(parameter => parameter.Value.ToArray())];

    private static float[] Batch(int seed) => [.. Enumerable.Range(0, Rows * Inputs).Select(i => MathF.Sin((1.7f * i) + seed))];

    private static int[] Labels(int seed) => [.. Enumerable.Range(0, Rows).Select(i => ((3 * i) + seed) % Outputs)];

    private static float[] Numbers(int seed, int width) =>
        [.. Enumerable.Range(0, Rows * width).Select(i => 0.5f + (0.5f * MathF.Cos((2.3f * i) + seed)))];
}
