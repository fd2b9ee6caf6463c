using System.Globalization;
using NativeBackprop.Diagnostics;
using NativeBackprop.Layers;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Parity;

/// <summary>Networks over images and signals, as <c>tests/parity/images.py</c> has recorded PyTorch's.</summary>
[TestFixture]
internal sealed class RecordedImageTests
{
    private const string Kind = "images";
    private const double Limit = 1e-5;

    private static string[] Names => Reference.Names(Kind);

    [Test]
    public void Every_layer_of_images_and_signals_is_recorded() => Assert.That(
        Names.SelectMany(name => Reference.Read(Kind, name).Description.Model.Layers).Select(layer => layer.GetType()).Distinct(),
        Is.SupersetOf(new[]
        {
            typeof(Conv2d), typeof(Conv1d), typeof(ConvTranspose2d), typeof(MaxPool2d), typeof(AvgPool2d), typeof(MaxPool1d),
            typeof(AvgPool1d), typeof(GlobalAveragePool), typeof(Flatten), typeof(TransposeLayer), typeof(Upsample), typeof(BatchNorm),
            typeof(GroupNorm),
        }));

    [TestCaseSource(nameof(Names))]
    public void Gradients_are_those_of_PyTorch(string name)
    {
        Reference reference = Reference.Read(Kind, name);
        var network = new NetworkGradients(reference.Description.Model, reference.CreateLoss(), reference.Description.Input);
        using Plan plan = network.Compile(reference.Rows, threads: 1);
        plan.Run();
        string[] names = [.. network.Parameters.Entries.Select(entry => entry.Name), "x", "output", "loss"];
        Assert.That(reference.ExpectedNames, Is.EquivalentTo(names));
        Assert.Multiple(() =>
        {
            for (int i = 0; i < network.Parameters.Count; i++)
            {
                reference.AssertClose(
                    network.Parameters.NameOf(network.Parameters[i]), network.Parameters[i], plan[network.Gradients[i]].Span, Limit);
            }

            reference.AssertClose("x", plan[network.Gradients[^1]].Span, Limit);
            reference.AssertClose("output", plan[network.Output].Span, Limit);
            reference.AssertClose("loss", plan[network.Loss].Span, Limit);
        });
    }

    [TestCaseSource(nameof(Names))]
    public void Evaluation_is_that_of_PyTorch(string name)
    {
        Reference reference = Reference.Read(Kind, name);
        using Predictor predictor = reference.Description.Model.CreatePredictor(reference.Rows.Count);
        float[] output = new float[reference.Rows.Count * reference.Rows.TargetWidth];
        predictor.Predict(reference.Rows.Inputs, output);
        reference.AssertCloseTo("evaluated", output, Limit);
    }

    [TestCaseSource(nameof(Names))]
    public void Training_leaves_parameters_and_statistics_as_PyTorch_does(string name)
    {
        const int steps = 6;
        Reference reference = Reference.Read(Kind, name);
        Layer model = reference.Description.Model;
        float rate = float.Parse(reference.Metadata("rate"), CultureInfo.InvariantCulture);
        using var trainer = new Trainer(model, reference.CreateLoss(), new Sgd(rate));
        int half = reference.Rows.Count / 2, inputs = half * reference.Rows.Features, targets = half * reference.Rows.TargetWidth;
        for (int step = 0; step < steps; step++)
        {
            int part = step % 2;
            trainer.Step(reference.Rows.Inputs.Slice(part * inputs, inputs), reference.Rows.Targets.Slice(part * targets, targets));
        }

        Assert.Multiple(() =>
        {
            foreach ((string path, Parameter parameter) in (IEnumerable<(string, Parameter)>)
                [.. model.Parameters.Entries, .. model.Buffers.Entries])
            {
                reference.AssertCloseInFile($"trained/{path}", path, parameter, Limit);
            }
        });
    }
}
