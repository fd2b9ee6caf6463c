using System.CommandLine;
using System.Diagnostics;
using NativeBackprop.Diagnostics;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;

namespace NativeBackprop.Cli.Bench;

/// <summary><c>nbp bench</c>: the workloads, each beside the bare products and the FMA peak of the same run.</summary>
internal static class BenchCommand
{
    private static readonly Dictionary<string, Func<Optimizer>> _optimizers = new()
    {
        ["sgd"] = () => new Sgd(0.01f),
        ["adam"] = () => new Adam(),
    };

    public static Command Create()
    {
        var rows = new Option<string>("--rows")
        {
            Description = "Rows to measure, separated by commas.",
            DefaultValueFactory = _ => string.Join(',', Workload.All.Select(row => row.Name)),
        };
        var threads = new Option<string>("--threads")
        {
            Description = "Thread limits to measure, separated by commas.",
            DefaultValueFactory = _ => Environment.ProcessorCount > 1 ? $"1,{Environment.ProcessorCount}" : "1",
        };
        var exact = new Option<bool>("--exact-threads")
        {
            Description = "Use exactly the threads named, even where fewer would be faster, or more than there are processors.",
        };
        var optimizer = new Option<string>("--optimizer")
        {
            Description = $"Optimizers to measure, separated by commas: {string.Join(", ", _optimizers.Keys)}.",
            DefaultValueFactory = _ => string.Join(',', _optimizers.Keys),
        };
        var rounds = new Option<int>("--rounds")
        {
            Description = "Rounds of step, bare products and FMA peak in turn.",
            DefaultValueFactory = _ => 5,
        };
        Option<string> products = Options.Products();
        var plan = new Option<bool>("--plan") { Description = "Print the plan of each row instead of measuring it." };
        Option<bool> json = JsonText.Option();
        return new Command("bench", "Measure training steps against the bare matrix products and the machine's FMA peak.")
            {
                rows, threads, exact, optimizer, rounds, products, plan, json,
            }
            .WithAction((result, output, token) =>
            {
                var jobs = Jobs(result.GetValue(rows)!, result.GetValue(threads)!, result.GetValue(optimizer)!, result.GetValue(exact));
                ProductLibrary library = ProductRule.Resolve(Options.Library(result.GetRequiredValue(products)));
                SystemInfo system = SystemInfo.Collect();
                if (result.GetValue(plan))
                {
                    WritePlans(jobs, library, output);
                    return CliHost.Success;
                }

                int count = result.GetValue(rounds);
                if (count < 1)
                {
                    throw new OptionException($"--rounds must be at least 1, got {count}");
                }

                Measure(system, jobs, library, count, result.GetValue(json), output, token);
                return token.IsCancellationRequested ? CliHost.Failure : CliHost.Success;
            });
    }

    private static void Measure(
        SystemInfo system, List<Job> jobs, ProductLibrary products, int rounds, bool json, TextWriter output, CancellationToken token)
    {
        var results = new List<RowResult>();
        double busy = BusyShare(() =>
        {
            foreach (Job job in jobs)
            {
                if (token.IsCancellationRequested)
                {
                    break;
                }

                using var row = new RowMeasurement(
                    job.Workload, job.Optimizer, _optimizers[job.Optimizer], job.Threads, job.ExactThreads, products);
                for (int i = 0; i < rounds && !token.IsCancellationRequested; i++)
                {
                    row.Round();
                }

                results.Add(row.Result());
            }
        });
        List<string> warnings = [.. system.Native.Warnings];
        if (busy > 0.1)
        {
            warnings.Add($"the machine was busy: {busy:0 %} of its processors' time went to others, so that these figures are too slow");
        }

        if (json)
        {
            BenchReport.WriteJson(system, results, warnings, output);
            return;
        }

        BenchReport.WriteHeader(system, output);
        BenchReport.WriteRows(results, output);
        warnings.ForEach(warning => output.WriteLine($"warning: {warning}"));
    }

    private static void WritePlans(List<Job> jobs, ProductLibrary products, TextWriter output)
    {
        foreach (Job job in jobs)
        {
            using var step = new WorkloadStep(job.Workload, _optimizers[job.Optimizer], job.Threads, job.ExactThreads, products);
            output.WriteLine($"{job.Optimizer}, at most {job.Threads} thread{(job.Threads == 1 ? "" : "s")}");
            BenchReport.WritePlan(job.Workload, step.Plan.Describe(), step.KeptBytes, output);
        }
    }

    private static List<Job> Jobs(string rows, string threads, string optimizers, bool exact)
    {
        var jobs = new List<Job>();
        foreach (string row in Words(rows))
        {
            Workload workload = Workload.Find(row);
            foreach (string optimizer in workload.IsForwardOnly ? [_optimizers.Keys.First()] : Words(optimizers))
            {
                if (!_optimizers.ContainsKey(optimizer))
                {
                    throw new OptionException($"unknown optimizer '{optimizer}'; there are {string.Join(", ", _optimizers.Keys)}");
                }

                foreach (string text in Words(threads))
                {
                    jobs.Add(int.TryParse(text, out int count) && count is > 0 and <= PlanOptions.MaxThreads
                        ? new Job(workload, optimizer, count, exact)
                        : throw new OptionException($"--threads takes numbers in 1..{PlanOptions.MaxThreads}, got '{text}'"));
                }
            }
        }

        return jobs.Count > 0 ? jobs : throw new OptionException("nothing to measure: name at least one row, optimizer and thread count");
    }

    private static string[] Words(string list) => list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    // The share of all processors' time that others used while the work ran; 0 where the system does not tell.
    private static double BusyShare(Action work)
    {
        (double all, double idle) before = ProcessorTimes();
        TimeSpan own = Process.GetCurrentProcess().TotalProcessorTime;
        work();
        (double all, double idle) after = ProcessorTimes();
        double mine = (Process.GetCurrentProcess().TotalProcessorTime - own).TotalSeconds;
        double total = after.all - before.all;
        return total > 0 ? Math.Max(0, (total - (after.idle - before.idle) - mine) / total) : 0;
    }

    private static (double All, double Idle) ProcessorTimes()
    {
        const string file = "/proc/stat";
        if (!File.Exists(file))
        {
            return default;
        }

        // Ticks of 10 ms: user, nice, system, idle, iowait, irq, softirq, steal.
        double[] ticks = [
            .. File.ReadLines(file).First().Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(8).Select(double.Parse)];
        return (ticks.Sum() / 100, (ticks[3] + ticks[4]) / 100);
    }

    private sealed record Job(Workload Workload, string Optimizer, int Threads, bool ExactThreads);
}
