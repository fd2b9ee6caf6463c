using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Layers;

public class DropoutTests
{
    [TestCase(0.5f)]
    [TestCase(0.1f)]
    [TestCase(0.9f)]
    public void Drops_a_fraction_of_p_and_keeps_the_expectation(float p)
    {
        const int Count = 100_003;
        float[] mask = Masks(new Dropout(p), Count, runs: 1)[0];
        float kept = 1 / (1 - p);
        Assert.That(mask, Has.All.EqualTo(0f).Or.EqualTo(kept));

        // Six standard deviations of a binomial share.
        Assert.That(mask.Count(value => value == 0) / (double)Count, Is.EqualTo(p).Within(6 * Math.Sqrt(p * (1 - p) / Count)));
    }

    [Test]
    public void Neighbours_and_runs_are_independent()
    {
        const int Count = 100_000;
        float[][] masks = Masks(new Dropout(0.5f), Count, runs: 3);
        double[][] signs = [.. masks.Select(mask => mask.Select(value => value - 1.0).ToArray())];
        double bound = 6 / Math.Sqrt(Count);
        Assert.That(signs[0].Zip(signs[1], (a, b) => a * b).Average(), Is.Zero.Within(bound), "first and second run");
        Assert.That(signs[1].Zip(signs[2], (a, b) => a * b).Average(), Is.Zero.Within(bound), "second and third run");
        foreach (int lag in (int[])[1, 2, 8, 64])
        {
            Assert.That(signs[0].Zip(signs[0].Skip(lag), (a, b) => a * b).Average(), Is.Zero.Within(bound), $"lag {lag}");
        }
    }

    [Test]
    public void The_kernel_draws_the_references_mask_on_any_number_of_threads()
    {
        var runs = Parameter.Zeros("runs", DropoutMask.CountShape);
        runs.Set([3, 1]);
        foreach (int length in (int[])[1, 7, 8, 15, 17, 257, 40_001])
        {
            var graph = new Graph();
            Node mask = graph.Add(new DropoutMask(0.3f, 5, [length]), graph.Variable(runs));
            double[] expected = new ReferenceEvaluator(graph).Run(mask)[mask];
            foreach (int threads in (int[])[1, 2, 3])
            {
                using Plan plan = graph.Compile([mask], new PlanOptions { Threads = threads, ExactThreads = true });
                plan.Run();
                Assert.That(plan.Threads, Is.EqualTo(threads));
                Assert.That(
                    plan[mask].ToArray(), Is.EqualTo(expected.Select(value => (float)value)), $"{length} elements, {threads} threads");
            }
        }
    }

    [Test]
    public void Layers_and_places_have_masks_of_their_own()
    {
        var twice = new Dropout(0.5f);
        var model = new Sequential(new Dropout(0.5f), twice, twice);
        var graph = new Graph();
        Node x = graph.Input("x", [1, 64]);
        _ = model.Build(x, BuildMode.Training);
        Node[] masks = [.. graph.Nodes.Where(node => node.Op is DropoutMask)];
        using Plan plan = graph.Compile(masks);
        plan.Run();
        Assert.That(masks.Select(mask => string.Join(' ', plan[mask].ToArray())).Distinct().Count(), Is.EqualTo(3));
    }

    [Test]
    public void The_same_seed_trains_the_same_and_another_does_not()
    {
        float[] first = Train(3), again = Train(3), other = Train(4);
        Assert.That(again, Is.EqualTo(first));
        Assert.That(other, Is.Not.EqualTo(first));
    }

    [Test]
    public void Evaluation_is_the_identity()
    {
        Node x = new Graph().Input("x", [Shape.Batch, 3]);
        Assert.That(new Dropout(0.9f).Build(x, BuildMode.Evaluation), Is.SameAs(x));
        Assert.That(new Dropout(0).Build(x, BuildMode.Training), Is.SameAs(x));
    }

    [Test]
    public void The_count_of_runs_is_the_contexts_and_not_the_models()
    {
        var model = new Sequential(new Linear(2, 2), new Residual(new Dropout()));
        Assert.That(model.Parameters.Entries.Select(entry => entry.Name), Is.EqualTo(new[] { "0.weight", "0.bias" }));
        Assert.That(model.Buffers, Is.Empty);
        var graph = new Graph();
        var context = new BuildContext(graph, BuildMode.Training);
        _ = model.Build(graph.Input("x", [1, 2]), context);
        Assert.That(context.State.Entries.Select(entry => entry.Name), Is.EqualTo(new[] { "runs" }));
        Assert.That(context.Effects.Select(effect => effect.Op), Is.EqualTo(new[] { new Counter(2) }));
    }

    // One seed for the weights, another for the masks.
    private static float[] Train(ulong seed)
    {
        var model = new Sequential(new Linear(3, 16), new Relu(), new Dropout(0.4f), new Linear(16, 2));
        model.Initialize(1);
        using var trainer = new Trainer(model, new SoftmaxCrossEntropy(), new Sgd(0.1f), new TrainerOptions { Seed = seed });
        for (int i = 0; i < 5; i++)
        {
            trainer.StepLabels([1, 2, 3, 3, 2, 1], [0, 1]);
        }

        return model.Parameters["0.weight"].Value.ToArray();
    }

    private static float[][] Masks(Dropout layer, int count, int runs)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [count]), y = layer.Build(x, BuildMode.Training);
        using Plan plan = graph.Compile([y]);
        float[] ones = new float[count];
        Array.Fill(ones, 1);
        plan.Bind(x, ones);
        var masks = new float[runs][];
        for (int i = 0; i < runs; i++)
        {
            plan.Run();
            masks[i] = plan[y].ToArray();
        }

        return masks;
    }
}
