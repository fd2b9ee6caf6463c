using System.Text.Json;
using NativeBackprop.Diagnostics;
using NativeBackprop.IO;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Parity;

public class RecordedGradientTests
{
    private const string Kind = "gradients";
    private const double Limit = 1e-5;

    // The table of layers and the table of losses that model files may name.
    private static readonly string[] LayerTypes =
    [
        "linear", "low_rank_linear", "relu", "abs", "sigmoid", "tanh", "cos", "silu", "softplus", "elu", "leaky_relu", "gelu", "prelu",
        "softmax", "maxout", "dropout", "layer_norm", "residual", "gated",
    ];


    private static string[] Networks => Reference.Names(Kind);

    private static IEnumerable<string> NetworksWithoutDropout =>
        Networks.Where(name => !Types(Reference.Read(Kind, name).Model()).Contains("dropout"));

    [Test]
    public void Every_layer_and_loss_is_recorded()
    {
        JsonElement[] models = [.. Networks.Select(name => Reference.Read(Kind, name).Model())];
        Assert.That(models.SelectMany(Types).Distinct(), Is.SupersetOf(LayerTypes));
        Assert.That(models.Select(LossName).Distinct(), Is.EquivalentTo(ModelDescription.LossNames));
    }

    private static string LossName(JsonElement model)
    {
        JsonElement loss = model.GetProperty("loss");
        return (loss.ValueKind == JsonValueKind.Object ? loss.GetProperty("type") : loss).GetString()!;
    }

    [TestCaseSource(nameof(Networks))]
    public void Gradients_are_those_of_PyTorch(string name)
    {
        Reference reference = Reference.Read(Kind, name);
        var network = new NetworkGradients(reference.Description.Model, reference.CreateLoss(), reference.Description.Input);
        using Plan plan = network.Compile(reference.Rows, threads: 1);
        plan.Run();
        Assert.That(
            reference.ExpectedNames, Is.EquivalentTo([.. network.Parameters.Entries.Select(entry => entry.Name), "x", "output", "loss"]));
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

    [TestCaseSource(nameof(NetworksWithoutDropout))]
    public void Halves_of_a_step_are_those_of_PyTorch(string name)
    {
        Reference reference = Reference.Read(Kind, name);
        using var trainer = new Trainer(reference.Description.Model, reference.CreateLoss(), new Sgd(1));
        float loss = reference.Rows.IsClassification
            ? trainer.ForwardLabels(reference.Rows.Inputs, reference.Rows.Labels)
            : trainer.Forward(reference.Rows.Inputs, reference.Rows.Targets);
        trainer.Backward();
        Assert.Multiple(() =>
        {
            foreach ((string name, Parameter parameter) in reference.Description.Model.Parameters.Entries)
            {
                reference.AssertClose(name, parameter, trainer.Gradient(parameter), Limit);
            }

            reference.AssertClose("output", trainer.Output.Span, Limit);
            reference.AssertClose("loss", [loss], Limit);
        });
    }

    // Branches hold layers of their own.
    private static IEnumerable<string> Types(JsonElement owner) => new[] { "layers", "gate" }
        .Where(key => owner.TryGetProperty(key, out _))
        .SelectMany(key => owner.GetProperty(key).EnumerateArray())
        .SelectMany(layer => Types(layer).Prepend(layer.GetProperty("type").GetString()!));
}
