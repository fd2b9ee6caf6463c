using System.Runtime.InteropServices;
using System.Text.Json;
using NUnit.Framework;
using NativeBackprop.Cli.Bench;
using NativeBackprop.Optimizers;
using NativeBackprop.Tests.Interop;

namespace NativeBackprop.Tests.Execution;

/// <summary>What a step costs besides time: nothing on the managed heap, nothing on the native one; and the same bits every time.</summary>
[TestFixture, NonParallelizable]
internal sealed class SteadyStateTests
{
    // During steps this long the test host's own threads always allocate something: they are measured in processes of their own.
    private static readonly string[] _longest = ["xl", "cnn", "resnet"];

    // Steps, and bytes: one a step is a leak.
    private const int Leak = 10_000;

    private static readonly string[] _optimizers = ["sgd", "adam"];

    private static IEnumerable<TestCaseData> Rows() =>
        from row in Workload.All.Where(row => !_longest.Contains(row.Name))
        from optimizer in row.IsForwardOnly ? ["sgd"] : _optimizers
        from threads in new[] { 1, 2 }
        select new TestCaseData(row.Name, optimizer, threads);

    [TestCaseSource(nameof(Rows))]
    public void A_step_allocates_no_managed_byte(string row, string optimizer, int threads)
    {
        using var step = new WorkloadStep(Workload.Find(row), Create(optimizer), threads);
        step.Plan.Run();
        AllocationTests.AssertAllocatesNothing(step.Plan.Run, steps: 1);
        Assert.That(float.IsFinite(step.Result));
    }

    [Test]
    public void The_native_heap_is_as_large_after_10_000_steps_as_before()
    {
        if (!OperatingSystem.IsLinux())
        {
            Assert.Ignore("mallinfo2 is glibc's");
        }

        using var step = new WorkloadStep(Workload.Find("tiny"), Create("adam"), 2);
        Warm(step);
        long least = long.MaxValue;
        for (int attempt = 0; attempt < 10 && least >= Leak; attempt++)
        {
            nuint before = Mallinfo2().InUse;
            for (int i = 0; i < Leak; i++)
            {
                step.Plan.Run();
            }

            least = Math.Min(least, (long)Mallinfo2().InUse - (long)before);
        }

        // The just-in-time compiler and the collector share this heap with the step; a leak of a byte a step would show every time.
        Assert.That(least, Is.LessThan(Leak));
    }

    [TestCaseSource(nameof(_longest))]
    public void A_step_of_the_longest_rows_allocates_no_managed_byte(string row)
    {
        ChildResult result = Child.Nbp(["bench", "--rows", row, "--threads", "2", "--optimizer", "sgd", "--rounds", "2", "--json"]);
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        using var report = JsonDocument.Parse(result.Output);
        Assert.That(report.RootElement.GetProperty("rows")[0].GetProperty("allocated_bytes_per_step").GetInt64(), Is.Zero);
    }

    [Test]
    public void Every_process_comes_to_the_same_last_digit()
    {
        string[] args = ["train", "digits", "--epochs", "2", "--seed", "5", "--threads", "2"];
        string[] losses = [.. Enumerable.Range(0, 3).Select(_ => LossLine(Child.Nbp(args)))];
        Assert.That(losses, Is.All.EqualTo(losses[0]));
    }

    private static string LossLine(ChildResult result)
    {
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        return result.Output.Split('\n').Single(line => line.StartsWith("Training loss:", StringComparison.Ordinal));
    }

    private static Func<Optimizer> Create(string name) => name == "sgd" ? static () => new Sgd(0.01f) : static () => new Adam();

    private static void Warm(WorkloadStep step)
    {
        for (int i = 0; i < 5_000; i++)
        {
            step.Plan.Run();
        }
    }

    [DllImport("libc", EntryPoint = "mallinfo2")]
    private static extern HeapInfo Mallinfo2();

    /// <summary>glibc's struct mallinfo2: ten counters, of which uordblks is the bytes in use.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct HeapInfo
    {
        private readonly nuint _arena, _free, _fastFree, _mapped, _mappedBytes, _unused, _fastBytes;

        public readonly nuint InUse;

        private readonly nuint _freeBytes, _top;
    }
}
