using System.Text.Json;
using NativeBackprop.Cli;
using NativeBackprop.Data;
using NativeBackprop.Optimizers;
using NativeBackprop.Tests.Ops;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Parity;

public class RecordedTrainingTests
{
    private const string Kind = "training";
    private const double WeightLimit = 1e-4, EarlyLossLimit = 1e-5, LossLimit = 1e-3;
    private const int EarlySteps = 10, Steps = 100;

    private static string[] Runs => Reference.Names(Kind);

    [Test]
    public void Every_optimizer_is_recorded() =>
        Assert.That(
            Runs.Select(name => Reference.Read(Kind, name).Run().GetProperty("optimizer").GetString()).Distinct(),
            Is.EquivalentTo(OptimizerChoice.Names));

    [TestCaseSource(nameof(Runs))]
    public void Steps_are_those_of_PyTorch(string name)
    {
        Reference reference = Reference.Read(Kind, name);
        JsonElement run = reference.Run();
        using var trainer = new Trainer(
            reference.Description.Model, reference.CreateLoss(), CreateOptimizer(
                run), new TrainerOptions { L2 = run.GetProperty("l2").GetSingle() });
        Assert.That(reference.Losses.Length, Is.EqualTo(Steps));
        ReadOnlySpan<double> expected = reference.Losses;
        double early = 0, late = 0;
        for (int step = 0, start = 0; step < expected.Length; step++)
        {
            Dataset rows = reference.Rows;
            int end = Math.Min(start + run.GetProperty("batch_size").GetInt32(), rows.Count);
            double error = Norms.Error([Step(trainer, rows, start, end)], [expected[step]]);
            (early, late) = (step < EarlySteps ? Math.Max(early, error) : early, Math.Max(late, error));
            start = end == rows.Count ? 0 : end;
        }

        Assert.Multiple(() =>
        {
            Assert.That(early, Is.LessThanOrEqualTo(EarlyLossLimit), $"loss of the first {EarlySteps} steps");
            Assert.That(late, Is.LessThanOrEqualTo(LossLimit), "loss of all steps");
            // The running statistics of batch norms are a result of training too.
            (string Name, Parameter Parameter)[] trained =
                [.. reference.Description.Model.Parameters.Entries, .. reference.Description.Model.Buffers.Entries];
            Assert.That(reference.ExpectedNames, Is.EquivalentTo(trained.Select(entry => entry.Name)));
            foreach ((string name, Parameter parameter) in trained)
            {
                reference.AssertClose(name, parameter, parameter.Value, WeightLimit);
            }
        });
    }

    // The command line's choice, so that its defaults are compared with PyTorch's too.
    private static Optimizer CreateOptimizer(JsonElement run)
    {
        OptimizerChoice choice = OptimizerChoice.Find(run.GetProperty("optimizer").GetString()!);
        return choice.Create(
            Optional(run.GetProperty("lr")) ?? choice.LearningRate, Optional(run.GetProperty("weight_decay")) ?? choice.WeightDecay);
    }

    private static float? Optional(JsonElement value) => value.ValueKind == JsonValueKind.Null ? null : value.GetSingle();

    private static float Step(Trainer trainer, Dataset rows, int start, int end)
    {
        ReadOnlySpan<float> inputs = rows.Inputs[(start * rows.Features)..(end * rows.Features)];
        return rows.IsClassification
            ? trainer.StepLabels(inputs, rows.Labels[start..end])
            : trainer.Step(inputs, rows.Targets[(start * rows.TargetWidth)..(end * rows.TargetWidth)]);
    }
}
