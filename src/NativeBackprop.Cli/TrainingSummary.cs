using System.Globalization;
using NativeBackprop.Interop;
using NativeBackprop.Training;
using Spectre.Console;

namespace NativeBackprop.Cli;

/// <summary>What a training run came to and what it ran on, as its last lines say it.</summary>
internal sealed record TrainingSummary(
    Evaluation? Train,
    Evaluation? Test,
    int Epochs,
    long Steps,
    double SamplesPerSecond,
    int Threads,
    ulong Seed,
    bool IsInterrupted,
    NativeLibraryInfo Native)
{
    public void WriteTo(TextWriter output)
    {
        string steps = string.Create(
            CultureInfo.InvariantCulture,
            $"{Steps} in {Epochs} {(Epochs == 1 ? "epoch" : "epochs")}{(IsInterrupted ? ", interrupted" : "")}");
        (string, string?)[] rows =
        [
            ("Held-out accuracy", Accuracy(Test)),
            ("Held-out loss", Loss(Test)),
            ("Training accuracy", Accuracy(Train)),
            ("Training loss", Loss(Train)),
            ("Steps", steps),
            ("Samples/s", SamplesPerSecond.ToString("0", CultureInfo.InvariantCulture)),
            ("Instruction set", Native.ActiveIsa),
            ("OpenBLAS core", Native.BlasCore ?? "none"),
            ("Threads", Threads.ToString(CultureInfo.InvariantCulture)),
            ("Seed", Seed.ToString(CultureInfo.InvariantCulture)),
        ];
        (string Label, string Value)[] shown = [.. rows.Where(row => row.Item2 is not null).Select(row => (row.Item1, row.Item2!))];
        if (CliHost.IsTerminal(output))
        {
            Table table = new Table().Border(TableBorder.Rounded).HideHeaders().AddColumns("", "");
            foreach ((string label, string value) in shown)
            {
                table.AddRow($"[bold]{label}[/]", Markup.Escape(value));
            }

            AnsiConsole.Write(table);
        }
        else
        {
            foreach ((string label, string value) in shown)
            {
                output.WriteLine($"{label + ":",-19}{value}");
            }
        }

        foreach (string warning in Native.Warnings)
        {
            output.WriteLine($"warning: {warning}");
        }
    }

    private static string? Accuracy(Evaluation? evaluation) => evaluation?.Accuracy?.ToString("0.0000", CultureInfo.InvariantCulture);

    // All the digits that a float has: two runs can be compared to the last of them.
    private static string? Loss(Evaluation? evaluation) => evaluation?.Loss.ToString("G9", CultureInfo.InvariantCulture);
}
