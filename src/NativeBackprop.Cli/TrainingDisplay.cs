using System.Globalization;
using NativeBackprop.Training;
using Spectre.Console;

namespace NativeBackprop.Cli;

/// <summary>Shows a run while it goes on: a bar for whoever watches a terminal, a line an epoch for everyone else.</summary>
internal static class TrainingDisplay
{
    /// <summary>Runs <paramref name="fit"/> and shows what it reports.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="firstStep">Steps made before this run.</param>
    /// <param name="steps">Steps in all.</param>
    /// <param name="epochs">Epochs in all.</param>
    /// <param name="onEpoch">Hears of every epoch as well.</param>
    /// <param name="fit">The run; takes what to tell of epochs and of steps, the latter null when nobody needs it.</param>
    public static FitResult Run(
        TextWriter output, long firstStep, long steps, int epochs, Action<EpochReport> onEpoch,
        Func<IProgress<EpochReport>, IProgress<long>?, FitResult> fit)
    {
        if (!CliHost.IsTerminal(output))
        {
            return fit(
                new Listener<EpochReport>(report =>
                {
                    output.WriteLine(
                        $"epoch {report.Epoch.ToString(CultureInfo.InvariantCulture).PadLeft(Digits(epochs))}/{epochs}  " +
                            $"{Describe(report)}  {Text(report.Seconds, "0.00")} s");
                    onEpoch(report);
                }),
                null);
        }

        FitResult? result = null;
        AnsiConsole.Progress()
            .Columns(
                new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn { Width = 20 }, new PercentageColumn(),
                new RemainingTimeColumn())
            .Start(context =>
            {
                ProgressTask bar = context.AddTask(
                    $"epoch {Math.Min((firstStep / Math.Max(1, steps / epochs)) + 1, epochs)}/{epochs}", maxValue: steps);
                bar.Value = firstStep;
                result = fit(
                    new Listener<EpochReport>(report =>
                    {
                        bar.Description = $"epoch {report.Epoch}/{epochs}  {Brief(report)}";
                        onEpoch(report);
                    }),
                    new Listener<long>(step => bar.Value = step));
                bar.StopTask();
            });
        return result!;
    }

    private static string Describe(EpochReport report) =>
        $"train {Describe(report.Train)}{(report.Test is { } test ? $"  held-out {Describe(test)}" : "")}";

    // What fits beside a bar on 80 columns.
    private static string Brief(EpochReport report) =>
        $"loss {Text(report.Train.Loss, "0.0000")}" +
        $"{((report.Test ?? report.Train).Accuracy is { } accuracy ? $" accuracy {Text(accuracy, "0.0000")}" : "")}";

    private static string Describe(Evaluation evaluation) =>
        $"loss {Text(evaluation.Loss, "0.0000")}{(evaluation.Accuracy is { } accuracy ? $" accuracy {Text(accuracy, "0.0000")}" : "")}";

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private static int Digits(int number) => number.ToString(CultureInfo.InvariantCulture).Length;

    // Progress<T> posts to other threads, in any order; a report is to be on its way when the next step begins.
    private sealed class Listener<T>(Action<T> report) : IProgress<T>
    {
        public void Report(T value) => report(value);
    }
}
