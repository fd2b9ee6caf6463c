using NativeBackprop.Data;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Training;

/// <summary>Losses and layers of a user's that say one thing and do another: what would be read or written elsewhere is refused.</summary>
[TestFixture]
internal sealed class HostileModelTests
{
    private static readonly float[] _x = [1, 2, 3, 4, 5, 6];

    [Test]
    public void Numbers_are_not_taken_for_classes()
    {
        var loss = new UserLoss(isClassifier: false, output => output.Graph.Labels("t", 3));
        using Trainer trainer = TrainerOf(loss);
        Assert.That(
            () => trainer.Step(_x, [1, 0, 1, 0, 1, 0, 0, 0, 1]), Throws.TypeOf<GraphException>().With.Message.Contains("class indices"));
    }

    [Test]
    public void Classes_are_not_taken_for_numbers()
    {
        var loss = new UserLoss(isClassifier: true, output => output.Graph.Input("t", [Shape.Batch, 3]));
        using Trainer trainer = TrainerOf(loss);
        Assert.That(() => trainer.StepLabels(_x, [0, 1, 2]), Throws.TypeOf<GraphException>().With.Message.Contains("got numbers"));
    }

    [Test]
    public void Targets_are_a_row_for_each_example()
    {
        Shape[] shapes = [[Shape.Batches(2), 3], [3], [Shape.Batch, Shape.Batch, 1], []];
        foreach (Shape shape in shapes)
        {
            using Trainer trainer = TrainerOf(new UserLoss(isClassifier: false, output => output.Graph.Input("t", shape)));
            Assert.That(() => trainer.Step(_x, new float[9]), Throws.TypeOf<ShapeException>(), $"{shape}");
        }
    }

    [Test]
    public void Data_with_more_classes_than_the_loss_knows_are_refused()
    {
        var loss = new UserLoss(isClassifier: true, output => output.Graph.Labels("t", 2));
        using Trainer trainer = TrainerOf(loss);
        var data = Dataset.FromLabels("data", _x, 2, [0, 2, 1], classes: 3);
        Assert.That(() => trainer.Evaluate(data), Throws.TypeOf<ShapeException>().With.Message.Contains("3 classes"));
        Assert.That(() => trainer.Fit(data, null, 1), Throws.TypeOf<ShapeException>().With.Message.Contains("3 classes"));
        Assert.That(() => trainer.StepLabels(_x, [0, 2, 1]), Throws.TypeOf<DataException>());
    }

    [Test]
    public void Outputs_of_a_predictor_are_a_row_for_each_example()
    {
        Func<Node, Node>[] outputs =
        [
            x => x.Reshape([Shape.Batches(2), 1]),
            x => x.Sum(0),
            x => x.Sum(),
        ];
        foreach (Func<Node, Node> output in outputs)
        {
            var model = new Sequential(new Linear(2, 2), new UserLayer(output));
            model.Initialize(1);
            Assert.That(() => model.CreatePredictor(4), Throws.TypeOf<ShapeException>().With.Message.Contains("a row for each example"));
            using var trainer = new Trainer(model, new MeanSquaredError(), new Sgd(0.1f));
            Assert.That(() => trainer.Step(_x, new float[6]), Throws.TypeOf<ShapeException>());
        }
    }

    private static Trainer TrainerOf(Loss loss) => new(new Sequential(new Linear(2, 3)), loss, new Sgd(0.1f));

    private sealed class UserLoss(bool isClassifier, Func<Node, Node> targets) : Loss
    {
        public override bool IsClassifier => isClassifier;

        public override Node CreateTargets(Node output) => targets(output);

        public override Node PerExample(Node output, Node targets) => output.Square().Sum(1);
    }

    private sealed class UserLayer(Func<Node, Node> output) : Layer
    {
        protected override Node BuildCore(Node input, BuildContext context) => output(input);
    }
}
