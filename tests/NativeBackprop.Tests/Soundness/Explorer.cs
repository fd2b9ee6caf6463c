using System.Globalization;
using NativeBackprop.Tests.Memory;

namespace NativeBackprop.Tests.Soundness;

/// <summary>
/// The process that makes the calls: it runs sequences on guarded memory, prints what it finds a line at a time, and its counts from time
/// to time. It may crash at any call; who started it goes on behind the sequence that crashed.
/// </summary>
internal static class Explorer
{
    /// <summary>The command that starts it: <c>explore FIRST COUNT LOG</c>, or <c>replay FIRST [COUNT]</c>.</summary>
    public const string Explore = "explore", Replay = "replay";

    private const int SequencesBetweenCollections = 32, MostMoreThreads = 64, MostValues = 2000;

    // Far more than any sequence takes, on however busy a machine.
    private static readonly TimeSpan _longest = TimeSpan.FromSeconds(60);

    private static int Main(string[] arguments)
    {
        if (arguments is not ([Explore, _, _, _] or [Replay, _] or [Replay, _, _]))
        {
            Console.Error.WriteLine($"usage: {Explore} FIRST COUNT LOG | {Replay} FIRST [COUNT]");
            return 2;
        }

        return Run(arguments);
    }

    private static int Run(string[] arguments)
    {
        bool replays = arguments[0] == Replay;
        int first = int.Parse(arguments[1], CultureInfo.InvariantCulture);
        int count = arguments.Length > 2 ? int.Parse(arguments[2], CultureInfo.InvariantCulture) : 1;
        string folder = Directory.CreateTempSubdirectory("nbp-soundness-").FullName;
        Directory.SetCurrentDirectory(folder);
        var memory = new GuardedMemory();
        MemorySource.Current = memory;
        using var log = new CallLog(replays ? Path.Combine(folder, "calls.log") : arguments[3], echo: replays);
        var findings = new Findings();
        var output = TextWriter.Synchronized(Console.Out);
        findings.Report = (member, text) => Print(output, findings.Seed, member, text, log);
        // Loaded first, because OpenBLAS has threads of its own.
        NativeBackprop.Interop.NativeLibraries.EnsureLoaded();
        int threads = CountThreads();
        long started = 0;
        var watch = new Thread(() => Watch(() => Volatile.Read(ref started), output, findings, log)) { IsBackground = true };
        watch.Start();
        try
        {
            for (int seed = first; seed < first + count; seed++)
            {
                Volatile.Write(ref started, Environment.TickCount64);
                findings.Start(seed);
                log.Start(seed);
                RunOne(seed, folder, findings, log);
                if (memory.CountDamage() > 0)
                {
                    findings.Report("memory", "damage: something was written beside a value");
                }

                if ((seed + 1 - first) % SequencesBetweenCollections == 0 || seed + 1 == first + count)
                {
                    Collect(memory);
                    CheckLeaks(memory, threads, findings);
                    output.WriteLine($"done\t{seed}");
                    foreach (string line in findings.TakeLines())
                    {
                        output.WriteLine(line);
                    }

                    output.Flush();
                }
            }
        }
        finally
        {
            Volatile.Write(ref started, 0);
            Directory.SetCurrentDirectory(Path.GetTempPath());
            Directory.Delete(folder, recursive: true);
        }

        return 0;
    }

    private static void RunOne(int seed, string folder, Findings findings, CallLog log)
    {
        using var files = new SampleFiles(Path.Combine(folder, seed.ToString(CultureInfo.InvariantCulture)));
        new Sequence(seed, files, findings, log).Run();
        UserCode.Actor = null;
    }

    private static void Collect(GuardedMemory memory)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        memory.Retire();
    }

    // All that the sequences have made was dropped and collected, and so must be what it owned.
    private static void CheckLeaks(GuardedMemory memory, int threadsBefore, Findings findings)
    {
        int threads = CountThreads();
        if (threads > threadsBefore + MostMoreThreads || memory.Live > MostValues)
        {
            findings.Report!("leak", $"{threads} threads and {memory.Live} values are alive though nothing refers to them");
        }
    }

    private static int CountThreads()
    {
        using var process = System.Diagnostics.Process.GetCurrentProcess();
        return process.Threads.Count;
    }

    private static void Print(TextWriter output, int seed, string member, string text, CallLog log)
    {
        // The last lines are enough to see what happened; a replay shows all.
        string[] calls = log.Text().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        output.WriteLine($"finding\t{seed}\t{member}\t{CallLog.Plain(text)}\t{string.Join(" | ", calls.TakeLast(6))}");
        output.Flush();
    }

    private static void Watch(Func<long> started, TextWriter output, Findings findings, CallLog log)
    {
        while (true)
        {
            Thread.Sleep(500);
            long start = started();
            if (start != 0 && Environment.TickCount64 - start > _longest.TotalMilliseconds)
            {
                Print(output, findings.Seed, "hang", $"the sequence did not end within {_longest.TotalSeconds} s", log);
                Environment.Exit(3);
            }
        }
    }
}
