using System.Globalization;
using NativeBackprop.Diagnostics;
using Spectre.Console;

namespace NativeBackprop.Cli.Bench;

/// <summary>Prints what was measured: a table, plain lines, or JSON for a program.</summary>
internal static class BenchReport
{
    private static readonly string[] _columns =
        ["row", "optimizer", "threads", "best", "median", "GFLOP/s", "of peak", "/ products", "bytes/step"];

    public static void WriteJson(SystemInfo system, IReadOnlyList<RowResult> rows, IReadOnlyList<string> warnings, TextWriter output) =>
        JsonText.Write(
            output,
            new
            {
                Environment = new
                {
                    system.Cpu,
                    Cores = system.LogicalProcessors,
                    Isa = system.Native.ActiveIsa,
                    system.Native.BlasVersion,
                    system.Native.BlasCore,
                    system.Native.BestBlasCore,
                    PeakGflops = Math.Round(rows.Max(row => row.PeakGflops), 1),
                    Os = system.OperatingSystem,
                    Dotnet = system.Runtime,
                    Warnings = warnings,
                },
                Rows = rows.Select(row => new
                {
                    row.Row,
                    row.Optimizer,
                    row.Threads,
                    row.UsedThreads,
                    BestUs = Math.Round(row.BestUs, 3),
                    MedianUs = Math.Round(row.MedianUs, 3),
                    Gflops = Math.Round(row.Gflops, 2),
                    PeakGflops = Math.Round(row.PeakGflops, 1),
                    PeakShare = Math.Round(row.PeakShare, 4),
                    ProductsUs = Math.Round(row.ProductsUs, 3),
                    RatioToProducts = Math.Round(row.RatioToProducts, 4),
                    row.AllocatedBytesPerStep,
                    row.Flops,
                    row.KeptBytes,
                    row.ArenaBytes,
                }),
            });

    public static void WriteHeader(SystemInfo system, TextWriter output)
    {
        output.WriteLine(
            $"{system.Cpu}, {system.LogicalProcessors} logical processors; kernels {system.Native.ActiveIsa}; " +
                $"{(system.Native is { BlasCore: { } core } blas ? $"OpenBLAS {blas.BlasVersion} {core}" : "no OpenBLAS")}; " +
                system.Runtime);
    }

    /// <summary>One row at a time on a pipe, a table on a terminal.</summary>
    public static void WriteRows(IReadOnlyList<RowResult> rows, TextWriter output)
    {
        if (CliHost.IsTerminal(output))
        {
            Table table = new Table().Border(TableBorder.Rounded);
            foreach (string column in _columns)
            {
                table.AddColumn(new TableColumn(column).RightAligned());
            }

            foreach (RowResult row in rows)
            {
                table.AddRow(Cells(row));
            }

            AnsiConsole.Write(table);
            return;
        }

        int[] widths = [12, 10, 8, 12, 12, 10, 9, 11, 11];
        output.WriteLine(Line(_columns, widths));
        foreach (RowResult row in rows)
        {
            output.WriteLine(Line(Cells(row), widths));
        }
    }

    public static void WritePlan(Workload workload, PlanReport plan, long keptBytes, TextWriter output)
    {
        output.WriteLine(
            $"{workload.Name}: {plan.Steps.Count} steps, arena {Bytes(plan.ArenaBytes)} (values alone would take " +
                $"{Bytes(plan.BytesWithoutReuse)} without reuse), {plan.InPlace} in place, {Bytes(keptBytes)} kept for the backward pass");
        for (int i = 0; i < plan.Steps.Count; i++)
        {
            PlanStepReport step = plan.Steps[i];
            output.WriteLine($"{i,3} {(step.Meets ? "|" : " ")} {step.Name,-34} {step.Call}");
            output.WriteLine($"      {step.Inputs} -> {step.Outputs}");
            output.WriteLine(
                $"      {step.Flops / 1e6:0.###} Mflop, {Bytes(step.Bytes)}, {step.Threads} thread{(step.Threads == 1 ? "" : "s")}, " +
                    $"at {step.Place}");
        }
    }

    private static string[] Cells(RowResult row) =>
    [
        row.Row,
        row.Optimizer,
        row.UsedThreads == row.Threads ? $"{row.Threads}" : $"{row.UsedThreads} of {row.Threads}",
        Time(row.BestUs),
        Time(row.MedianUs),
        row.Gflops.ToString("0.0", CultureInfo.InvariantCulture),
        row.PeakShare.ToString("0.0 %", CultureInfo.InvariantCulture),
        row.RatioToProducts.ToString("0.00", CultureInfo.InvariantCulture),
        row.AllocatedBytesPerStep.ToString(CultureInfo.InvariantCulture),
    ];

    private static string Line(string[] cells, int[] widths) =>
        string.Join(' ', cells.Select((cell, i) => i == 0 ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i]))).TrimEnd();

    private static string Time(double us) => us < 1000
        ? us.ToString("0.00 µs", CultureInfo.InvariantCulture)
        : (us / 1000).ToString("0.000 ms", CultureInfo.InvariantCulture);

    private static string Bytes(long bytes) => bytes < 1 << 20 ? $"{bytes / 1024.0:0.0} KiB" : $"{bytes / 1048576.0:0.0} MiB";
}
