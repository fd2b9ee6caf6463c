using System.Diagnostics;
using System.Globalization;
using NativeBackprop.Cli.Bench;
using NativeBackprop.Optimizers;

namespace NativeBackprop.Benchmarks.Execution;

/// <summary>
/// What an application pays to embed the engine: start-up, size on disk, memory, and how independent models share the machine.
/// Start-up and memory are measured in fresh processes.
/// </summary>
internal static class EmbeddingFigures
{
    private const int StartUps = 5;

    /// <summary>Runs the whole set, or, given a row's name, one fresh process's part of it.</summary>
    public static int Run(string[] args)
    {
        if (args is [var row])
        {
            return FirstStep(Workload.Find(row));
        }

        Console.WriteLine("| row | first step after process start | resident memory |");
        Console.WriteLine("| --- | ---: | ---: |");
        foreach (Workload workload in Workload.All)
        {
            (double Milliseconds, double Mebibytes)[] runs = [.. Enumerable.Range(0, StartUps).Select(_ => Child(workload.Name))];
            Console.WriteLine(FormattableString.Invariant(
                $"| {workload.Name} | {runs.Min(run => run.Milliseconds):0} ms | {runs.Min(run => run.Mebibytes):0} MiB |"));
        }

        Sizes();
        Models();
        return 0;
    }

    private static int FirstStep(Workload workload)
    {
        using var step = new WorkloadStep(workload, static () => new Sgd(0.01f), Environment.ProcessorCount);
        step.Plan.Run();
        using var self = Process.GetCurrentProcess();
        double milliseconds = (DateTime.Now - self.StartTime).TotalMilliseconds;
        Console.WriteLine(FormattableString.Invariant($"{milliseconds} {self.WorkingSet64 / 1048576.0}"));
        return float.IsFinite(step.Result) ? 0 : 1;
    }

    private static (double Milliseconds, double Mebibytes) Child(string row)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(typeof(EmbeddingFigures).Assembly.Location);
        }

        start.ArgumentList.Add("embedding");
        start.ArgumentList.Add(row);
        using Process child = Process.Start(start)!;
        string[] figures = child.StandardOutput.ReadToEnd().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        child.WaitForExit();
        return child.ExitCode == 0
            ? (double.Parse(figures[^2], CultureInfo.InvariantCulture), double.Parse(figures[^1], CultureInfo.InvariantCulture))
            : throw new InvalidOperationException($"the process for row {row} ended with {child.ExitCode}");
    }

    private static void Sizes()
    {
        string folder = AppContext.BaseDirectory;
        string[] engine =
        [
            "NativeBackprop.dll", "CsvHelper.dll", "Microsoft.Extensions.Logging.Abstractions.dll",
            "Microsoft.Extensions.DependencyInjection.Abstractions.dll",
        ];
        long managed = engine.Select(name => new FileInfo(Path.Combine(folder, name))).Where(file => file.Exists).Sum(file => file.Length);
        FileInfo[] native =
        [
            .. Directory.EnumerateFiles(folder, "*nativebackprop.*", SearchOption.AllDirectories).Select(path => new FileInfo(path))
                .Where(file => file.Extension is ".so" or ".dylib" || file.Name == "nativebackprop.dll"),
        ];
        double library = native.Sum(file => file.Length) / 1024.0, all = library + (managed / 1024.0);
        Console.WriteLine();
        Console.WriteLine(FormattableString.Invariant(
            $"native library {library:0} KiB; with the managed assemblies {all:0} KiB, without OpenBLAS and the .NET runtime"));
    }

    // Each model on a thread of its own, its plan on that thread alone.
    private static void Models()
    {
        Console.WriteLine();
        Console.WriteLine("| models at once (row small, a thread each) | steps/s in all |");
        Console.WriteLine("| ---: | ---: |");
        foreach (int models in (ReadOnlySpan<int>)[1, 2, 4, 8])
        {
            WorkloadStep[] steps =
            [
                .. Enumerable.Range(0, models).Select(_ => new WorkloadStep(Workload.Find("small"), static () => new Sgd(0.01f), 1)),
            ];
            long done = 0;
            var time = TimeSpan.FromSeconds(2);
            Thread[] threads = [.. steps.Select(step => new Thread(() =>
            {
                long count = 0;
                for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < time; count++)
                {
                    step.Plan.Run();
                }

                Interlocked.Add(ref done, count);
            }))];
            Array.ForEach(threads, thread => thread.Start());
            Array.ForEach(threads, thread => thread.Join());
            Array.ForEach(steps, step => step.Dispose());
            Console.WriteLine(FormattableString.Invariant($"| {models} | {done / time.TotalSeconds:0} |"));
        }
    }
}
