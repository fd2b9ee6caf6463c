using System.Runtime.InteropServices;
using NUnit.Framework;
using NativeBackprop.Cli.Bench;
using NativeBackprop.Optimizers;
using NativeBackprop.Tests.Interop;

namespace NativeBackprop.Tests.Execution;

/// <summary>What a step costs besides time: nothing on the managed heap, nothing on the native one; and the same bits every time.</summary>
[TestFixture, NonParallelizable]
internal sealed class SteadyStateTests
{
    private static readonly string[] _optimizers = ["sgd", "adam"];

    private static IEnumerable<TestCaseData> Rows() =>
        from row in Workload.All
        from optimizer in row.IsForwardOnly ? ["sgd"] : _optimizers
        from threads in row.Name == "xl" ? new[] { 2 } : [1, 2]
        select new TestCaseData(row.Name, optimizer, threads);

    [TestCaseSource(nameof(Rows))]
    public void A_step_allocates_no_managed_byte(string row, string optimizer, int threads)
    {
        using var step = new WorkloadStep(Workload.Find(row), Create(optimizer), threads);
        step.Plan.Run();
        long least = long.MaxValue;
        for (int attempt = 0; attempt < 50 && least > 0; attempt++)
        {
            // The test host's and the runtime's own threads may allocate meanwhile; a step that allocates does so every time.
            long before = GC.GetTotalAllocatedBytes(precise: true);
            step.Plan.Run();
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        Assert.That(least, Is.Zero);
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
        nuint before = Mallinfo2().InUse;
        for (int i = 0; i < 10_000; i++)
        {
            step.Plan.Run();
        }

        nuint after = Mallinfo2().InUse;

        // The just-in-time compiler and the collector share this heap with the step; a leak of a byte a step would be 10,000.
        Assert.That((long)after - (long)before, Is.LessThan(10_000));
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
