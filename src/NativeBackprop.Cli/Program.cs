using System.CommandLine;
using NativeBackprop.Cli;
using NativeBackprop.Cli.Bench;

return await CliHost.RunAsync(Program.CreateRoot(), args);

/// <summary>The <c>nbp</c> command: one line for each of its commands.</summary>
internal sealed partial class Program
{
    public static RootCommand CreateRoot() =>
        new("Trains, runs and measures neural networks on the CPU.")
        {
            TrainCommand.Create(),
            EvalCommand.Create(),
            PredictCommand.Create(),
            GenerateCommand.Create(),
            GradientsCommand.Create(),
            GradcheckCommand.Create(),
            GraphCommand.Create(),
            InfoCommand.Create(),
            BenchCommand.Create(),
        };
}
