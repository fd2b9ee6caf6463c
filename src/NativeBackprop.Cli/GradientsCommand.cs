using System.CommandLine;
using NativeBackprop.Data;
using NativeBackprop.Diagnostics;
using NativeBackprop.IO;

namespace NativeBackprop.Cli;

/// <summary><c>nbp gradients</c>: every gradient of a batch, for comparison with other programs.</summary>
internal static class GradientsCommand
{
    public static Command Create()
    {
        var model = new ModelOptions(modelRequired: true, weightsRequired: true, "Weights of the model (safetensors)");
        Option<string?> batch = Options.Text(
            "--batch", "B", "Batch file (safetensors): x F32 [N, …] or I64 [N, T], y I64 [N] or [N, T] or F32 [N, …]", required: true);
        Option<string?> file = Options.Text(
            "--out", "G", "Write there (safetensors): each parameter's gradient under its name, x, output, loss", required: true);
        Option<int?> threads = Options.Threads();
        var command = new Command(
            "gradients", "Write the gradients of a model's loss on one batch, as PyTorch names and lays them out. Dropout is off.");
        model.AddTo(command);
        command.Add(batch);
        command.Add(file);
        command.Add(threads);
        return command.WithAction((result, _, _) =>
        {
            ModelDescription description = model.ReadWithWeights(result);
            Dataset rows = BatchFile.Open(result.GetRequiredValue(batch)!);
            ModelOptions.CheckWidth(description, rows);
            var network = new NetworkGradients(
                description.Model, description.CreateLoss(denseTargets: !rows.IsClassification), description.Input);
            using Plan plan = network.Compile(rows, result.GetValue(threads)!.Value);
            plan.Run();
            SafetensorsFile.Write(result.GetRequiredValue(file)!, Tensors(network, plan, rows));
            return CliHost.Success;
        });
    }

    private static IEnumerable<SafetensorsTensor> Tensors(NetworkGradients network, Plan plan, Dataset rows)
    {
        for (int i = 0; i < network.Parameters.Count; i++)
        {
            Parameter parameter = network.Parameters[i];
            yield return ParameterTensors.Create(network.Parameters.NameOf(parameter), parameter, plan[network.Gradients[i]].Span);
        }

        if (!rows.HasIndices)
        {
            yield return SafetensorsTensor.Create("x", [rows.Count, .. rows.InputShape], plan[network.Gradients[^1]].Span);
        }

        yield return SafetensorsTensor.Create("output", plan[network.Output].Shape.Extents, plan[network.Output].Span);
        yield return SafetensorsTensor.Create("loss", [], plan[network.Loss].Span);
    }
}
