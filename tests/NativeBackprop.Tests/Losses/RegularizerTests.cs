using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Tests.Differentiation;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Losses;

public class RegularizerTests
{
    private static readonly TestCaseData[] Penalties =
    [
        new(Regularizer.L1(0.5f), 0.5 * 6, new[] { 0.5, -0.5, 0, 0.5 }) { TestName = "L1" },
        new(Regularizer.L2(0.5f), 0.5 * 14, new double[] { 1, -2, 0, 3 }) { TestName = "L2" },
        new(Regularizer.Elastic(0.5f, 0.25f), 3 + 3.5, new[] { 1, -1.5, 0, 2 }) { TestName = "elastic" },
    ];

    [TestCaseSource(nameof(Penalties))]
    public void Penalty_and_gradient_follow_the_formula(Regularizer regularizer, double penalty, double[] gradient)
    {
        var graph = new Graph();
        Node w = graph.Variable("w", [2, 2], 1, -2, 0, 3), cost = regularizer.AddTo(graph.Constant(0), [((Variable)w.Op).Parameter]);
        var harness = new GraphHarness(graph);
        float[][] results = harness.Run([cost, .. graph.Gradient(cost, w)]);
        Assert.That(results[0][0], Is.EqualTo(penalty).Within(1e-6));
        Assert.That(results[1], Is.EqualTo(gradient).AsCollection.Within(1e-6));
        harness.Check(cost, w);
    }

    [Test]
    public void A_penalty_falls_on_weights_unless_a_group_is_named()
    {
        var model = new Sequential(new Linear(2, 3), new Linear(3, 1));
        Assert.That(
            model.Parameters.Where(Regularizer.L2(1).Covers).Select(model.Parameters.NameOf), Is.EqualTo(new[] { "0.weight", "1.weight" }));
        var group = Regularizer.L1(1, parameter => parameter == model.Parameters["1.bias"]);
        Assert.That(model.Parameters.Where(group.Covers).Select(model.Parameters.NameOf), Is.EqualTo(new[] { "1.bias" }));
    }

    [Test]
    public void A_trainer_adds_each_groups_penalty_to_the_gradient()
    {
        // A zero input leaves the penalties alone in the gradients of the weights.
        var model = new Sequential(
            new Linear(1, 1, weightInitializer: Initializer.Constant(3)), new Linear(1, 1, weightInitializer: Initializer.Constant(-2)));
        using var trainer = new Trainer(model, new MeanSquaredError(), new Sgd(0.1f), new TrainerOptions
        {
            L2 = 0.5f,
            Regularizers = [Regularizer.L1(0.25f, parameter => parameter == model.Parameters["1.weight"])],
        });
        float loss = trainer.Forward([0], [0f]);
        trainer.Backward();
        Assert.That(loss, Is.Zero, "the loss that is told is without penalties");
        Assert.That(trainer.Gradient(model.Parameters["0.weight"])[0], Is.EqualTo(3));
        Assert.That(trainer.Gradient(model.Parameters["1.weight"])[0], Is.EqualTo(-2.25f));
        trainer.Step([0], [0f]);
        Assert.That(model.Parameters["0.weight"].Value[0], Is.EqualTo(2.7f).Within(1e-6));
        Assert.That(model.Parameters["1.weight"].Value[0], Is.EqualTo(-1.775f).Within(1e-6));
    }

    [Test]
    public void Gradient_descent_folds_the_gradient_of_L2_into_its_product()
    {
        var model = new Sequential(new Linear(4, 3));
        var graph = new Graph();
        Node x = graph.Input("x", [Shape.Batch, 4]), output = model.Build(x, BuildMode.Training), rate = graph.Input("rate");
        Node cost = Regularizer.L2(0.25f).AddTo(output.Square().Sum(), model.Parameters);
        Node[] gradients = graph.Gradient(cost, [.. model.Parameters.Select(parameter => graph.Variable(parameter))]);
        IReadOnlyList<Node> updates = new Sgd(0.1f, weightDecay: 0.125f).AddUpdates([.. model.Parameters.Zip(gradients)], rate);
        PlanProgram program = Lowering.Lower(graph, [.. updates], 8);
        Fusion.Rewrite(program, ProductLibrary.Own);
        MatMulSgd fused = program.Steps.Select(step => step.Operation).OfType<MatMulSgd>().Single();
        Assert.That(fused.WeightDecay, Is.EqualTo(0.625f), "2λ and the optimizer's own decay");
        Assert.That(
            program.Steps.Select(step => step.Operation), Has.None.EqualTo(Functions.Scale.Create(0.5f)), "nothing is left of the penalty");
    }

    [Test]
    public void Factors_must_be_finite_and_not_negative()
    {
        Assert.That(
            () => Regularizer.L1(-1),
            Throws.TypeOf<OptionException>().With.Message.EqualTo("the L1 factor must be a finite number of at least 0, got -1"));
        Assert.That(() => Regularizer.L2(float.NaN), Throws.TypeOf<OptionException>());
        Assert.That(() => Regularizer.Elastic(0, float.PositiveInfinity), Throws.TypeOf<OptionException>());
    }
}
