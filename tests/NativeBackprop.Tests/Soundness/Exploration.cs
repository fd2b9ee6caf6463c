using System.Globalization;
using NativeBackprop.Tests.Interop;

namespace NativeBackprop.Tests.Soundness;

/// <summary>Something that a sequence of public calls must not lead to.</summary>
/// <param name="Seed">The sequence.</param>
/// <param name="Member">The member that was called.</param>
/// <param name="What">What it did.</param>
/// <param name="Calls">The last calls before it.</param>
internal sealed record Finding(int Seed, string Member, string What, string Calls)
{
    public override string ToString() =>
        $"{Member}: {What}\n    {Calls.Replace(" | ", "\n    ", StringComparison.Ordinal)}\n"
        + $"    again: dotnet {Path.Combine(AppContext.BaseDirectory, "NativeBackprop.Tests.dll")} {Explorer.Replay} {Seed}";
}

/// <summary>
/// Runs sequences in processes of their own and adds up what they print. A process that crashes or hangs is a finding, and the next one
/// goes on with the sequence behind.
/// </summary>
internal sealed class Exploration
{
    private const int SequencesOfAProcess = 2500;
    private const int MostCrashes = 20;

    private readonly Lock _lock = new();
    private readonly (string, string)[] _variables;
    private int _next;
    private int _end;

    public Exploration(params (string Name, string Value)[] variables) => _variables =
    [
        // Sizes far beyond what a sequence needs are refused at once, as on a machine that has no more memory.
        ("DOTNET_GCHeapHardLimit", "0x20000000"), ("DOTNET_gcServer", "0"), ("DOTNET_TieredPGO", "0"), .. variables,
    ];

    /// <summary>Whether to stop at the first crash or damage, for a run that is to find one.</summary>
    public bool StopsAtDamage { get; init; }

    public long Sequences { get; private set; }

    public long Calls { get; private set; }

    /// <summary>How many values of plans were compared with the reference.</summary>
    public long Compared { get; private set; }

    public List<Finding> Findings { get; } = [];

    /// <summary>How often each member was called, and how often it returned.</summary>
    public Dictionary<string, (long Calls, long Returned)> Members { get; } = [];

    public Dictionary<string, long> Exceptions { get; } = [];

    /// <summary>What touched memory that was not its own.</summary>
    public IEnumerable<Finding> Damages => Findings.Where(finding => finding.Member is "memory" or "crash");

    /// <summary>Runs the sequences of the given seeds, in as many processes at once as the machine has processors.</summary>
    public void Run(int first, int count, int? processes = null)
    {
        (_next, _end) = (first, first + count);
        Thread[] threads = [.. Enumerable.Range(0, processes ?? Environment.ProcessorCount).Select(_ => new Thread(RunProcesses))];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }
    }

    /// <summary>The counts, as a person reads them.</summary>
    public string Summary()
    {
        IReadOnlyList<string> all = [.. Catalogue.All.Select(call => call.Text).Distinct()];
        string[] missing = [.. all.Where(member => !Members.ContainsKey(member))];
        return string.Create(CultureInfo.InvariantCulture, $"""
            {Sequences} sequences, {Calls} calls, {all.Count - missing.Length} of {all.Count} public members reached ({Reached:P1}), {
                all.Count(member => Members.GetValueOrDefault(member).Returned > 0)} returned at least once; {Compared} values compared
            exceptions: {string.Join(", ", Exceptions.OrderByDescending(pair => pair.Value).Select(pair => $"{pair.Key} {pair.Value}"))}
            not reached: {string.Join(", ", missing)}
            """);
    }

    /// <summary>The share of the public members that were called.</summary>
    public double Reached
    {
        get
        {
            string[] all = [.. Catalogue.All.Select(call => call.Text).Distinct()];
            return (double)all.Count(Members.ContainsKey) / all.Length;
        }
    }

    private bool IsEnough =>
        (StopsAtDamage && Damages.Any()) || Findings.Count(finding => finding.Member is "crash" or "hang") >= MostCrashes;

    private void RunProcesses()
    {
        while (true)
        {
            int first, count;
            lock (_lock)
            {
                (first, count) = (_next, Math.Min(SequencesOfAProcess, _end - _next));
                _next += count;
            }

            if (count <= 0)
            {
                return;
            }

            while (count > 0 && !IsEnough)
            {
                int done = RunProcess(first, count);
                (first, count) = (first + done, count - done);
            }
        }
    }

    // Gives the number of sequences that are over and done with.
    private int RunProcess(int first, int count)
    {
        string log = Path.GetTempFileName();
        ChildResult child = Child.Run(
            "dotnet",
            [
                Path.Combine(AppContext.BaseDirectory, "NativeBackprop.Tests.dll"), Explorer.Explore,
                first.ToString(CultureInfo.InvariantCulture), count.ToString(CultureInfo.InvariantCulture), log,
            ],
            _variables);
        string[] calls = CallLog.Read(log).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        File.Delete(log);
        lock (_lock)
        {
            foreach (string line in child.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                Take(line.Split('\t'));
            }

            int done = count;
            if (child.ExitCode != 0)
            {
                int seed = calls.Length > 0 && calls[0].Split(' ') is ["sequence", var text] ? Integer(text) : first;
                done = seed + 1 - first;
                if (!Findings.Exists(finding => finding.Seed == seed && finding.Member == "hang"))
                {
                    IEnumerable<string> errors = child.Error.Split('\n').Select(line => line.Trim()).Where(line => line != "").Take(12);
                    string what = $"exit code {child.ExitCode} {string.Join(" < ", errors)}";
                    Findings.Add(new Finding(seed, "crash", what, string.Join(" | ", calls.TakeLast(6))));
                }
            }

            Sequences += done;
            return done;
        }
    }

    private void Take(string[] fields)
    {
        switch (fields)
        {
            case ["finding", var seed, var member, var what, var calls]:
                Findings.Add(new Finding(Integer(seed), member, what, calls));
                break;
            case ["calls", var number]:
                Calls += Integer(number);
                break;
            case ["compared", var number]:
                Compared += Integer(number);
                break;
            case ["member", var member, var calls, var returned]:
                (long oldCalls, long oldReturned) = Members.GetValueOrDefault(member);
                Members[member] = (oldCalls + Integer(calls), oldReturned + Integer(returned));
                break;
            case ["exception", var type, var number]:
                Exceptions[type] = Exceptions.GetValueOrDefault(type) + Integer(number);
                break;
        }
    }

    private static int Integer(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
