using System.CommandLine;
using System.Text;
using NativeBackprop.Diagnostics;
using NativeBackprop.IO;

namespace NativeBackprop.Cli;

/// <summary><c>nbp graph</c>: a picture of a model's graph.</summary>
internal static class GraphCommand
{
    public static Command Create()
    {
        var model = Options.Text("--model", "M.json", "Model file: input shape, layers, loss", required: true);
        Option<bool> forward = Options.Flag("--forward", "Leave the gradients out");
        Option<string?> file = Options.Text("--out", "FILE", "Write there instead");
        var command = new Command(
            "graph",
            "Print the graph of a model, its loss and its gradients as DOT text; to draw it: nbp graph --model M.json | dot -Tsvg > M.svg")
        {
            model, forward, file,
        };
        return command.WithAction((result, output, _) =>
        {
            ModelDescription description = ModelFile.Read(result.GetRequiredValue(model)!);
            var network = new NetworkGradients(description.Model, description.CreateLoss(denseTargets: false), description.Input);
            network.Graph.SetName(network.Loss, "loss");
            network.Graph.SetName(network.Output, "output");
            for (int i = 0; i < network.Leaves.Length; i++)
            {
                network.Graph.SetName(network.Gradients[i], $"gradient of {network.Leaves[i]}");
            }

            ReadOnlySpan<Node> outputs = result.GetValue(forward)
                ? [network.Output, network.Loss]
                : [network.Output, network.Loss, .. network.Gradients];
            if (result.GetValue(file) is { } path)
            {
                using var text = new StringWriter();
                GraphPicture.WriteDot(text, outputs);
                AtomicFile.Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(text.ToString())));
            }
            else
            {
                GraphPicture.WriteDot(output, outputs);
            }

            return CliHost.Success;
        });
    }
}
