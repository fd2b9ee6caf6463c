using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Tests.Differentiation;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Optimizers;

public class GradientTransformTests
{
    [Test]
    public void Clipping_by_value_bounds_every_element() =>
        Assert.That(Apply(GradientTransform.ClipByValue(0.5f), [-3, -0.5f, 0.2f, 7]), Is.EqualTo(new float[] { -0.5f, -0.5f, 0.2f, 0.5f }));

    [Test]
    public void Clipping_by_norm_scales_all_gradients_together()
    {
        // The norm over both is 5, so both are multiplied by 2.5 / (5 + 1e-6).
        float[] clipped = Apply(GradientTransform.ClipByNorm(2.5f), [3], [0, 4]);
        Assert.That(clipped, Is.EqualTo(new double[] { 1.5, 0, 2 }).AsCollection.Within(1e-6));
    }

    [Test]
    public void Clipping_by_norm_leaves_shorter_gradients_alone() =>
        Assert.That(Apply(GradientTransform.ClipByNorm(6), [3], [0, 4]), Is.EqualTo(new float[] { 3, 0, 4 }));

    [Test]
    public void A_trainer_clips_before_the_update_and_shows_the_gradient_as_it_was()
    {
        var model = new Sequential(new Linear(2, 1, bias: false, Initializer.Constant(1)));
        var options = new TrainerOptions { GradientTransforms = [GradientTransform.ClipByNorm(0.5f)] };
        using var trainer = new Trainer(model, new MeanSquaredError(), new Sgd(1), options);

        // dW = 2(y − t)x with y = 7, t = 2: (30, 40), of norm 50.
        trainer.Forward([3, 4], [2f]);
        trainer.Backward();
        Assert.That(trainer.Gradient(model.Parameters["0.weight"]).ToArray(), Is.EqualTo(new float[] { 30, 40 }));
        trainer.Step([3, 4], [2f]);
        Assert.That(model.Parameters["0.weight"].Value.ToArray(), Is.EqualTo(new double[] { 0.7, 0.6 }).AsCollection.Within(1e-5));
    }

    [Test]
    public void Limits_must_be_positive()
    {
        Assert.That(() => GradientTransform.ClipByNorm(0), Throws.TypeOf<OptionException>());
        Assert.That(() => GradientTransform.ClipByValue(float.PositiveInfinity), Throws.TypeOf<OptionException>());
    }

    private static float[] Apply(GradientTransform transform, params float[][] gradients)
    {
        var graph = new Graph();
        var harness = new GraphHarness(graph);
        Node[] nodes = [.. gradients.Select((values, i) => graph.Input($"g{i}", [values.Length]))];
        for (int i = 0; i < nodes.Length; i++)
        {
            harness.Set(nodes[i], gradients[i]);
        }

        Node[] outputs = [.. transform.Apply(nodes)];
        float[][] results = harness.Run(outputs);
        double[][] reference = harness.Reference(outputs);
        Assert.That(results.Zip(reference, (actual, expected) => GraphHarness.Distance<float>(actual, expected)), Has.All.LessThan(1e-6));
        return [.. results.SelectMany(result => result)];
    }
}
