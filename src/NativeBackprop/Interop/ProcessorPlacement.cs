using System.Runtime.InteropServices;

namespace NativeBackprop.Interop;

/// <summary>Where the calling thread runs, and a way to make it run elsewhere. Does nothing except on Linux.</summary>
internal static unsafe class ProcessorPlacement
{
    // The kernel's cpu_set_t of 1024 processors.
    private const int MaskWords = 1024 / 64;

    /// <summary>
    /// The processor that the calling thread runs on. .NET's own <see cref="Thread.GetCurrentProcessorId"/> may answer from a cache
    /// that is many milliseconds old.
    /// </summary>
    public static int Current => OperatingSystem.IsLinux() ? sched_getcpu() : Thread.GetCurrentProcessorId();

    /// <summary>
    /// Moves the calling thread off its processor, to any other that it may use; it stays free to be moved again. True when it was moved.
    /// </summary>
    public static bool Leave(int processor)
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        ulong* allowed = stackalloc ulong[MaskWords], others = stackalloc ulong[MaskWords];
        if (sched_getaffinity(0, MaskWords * sizeof(ulong), allowed) != 0)
        {
            return false;
        }

        bool isEmpty = true;
        for (int i = 0; i < MaskWords; i++)
        {
            others[i] = i == processor / 64 ? allowed[i] & ~(1UL << (processor % 64)) : allowed[i];
            isEmpty &= others[i] == 0;
        }

        return !isEmpty
            && sched_setaffinity(0, MaskWords * sizeof(ulong), others) == 0
            && sched_setaffinity(0, MaskWords * sizeof(ulong), allowed) == 0;
    }

    [DllImport("libc", ExactSpelling = true), SuppressGCTransition]
    private static extern int sched_getcpu();

    [DllImport("libc", ExactSpelling = true)]
    private static extern int sched_getaffinity(int thread, nuint size, ulong* mask);

    [DllImport("libc", ExactSpelling = true)]
    private static extern int sched_setaffinity(int thread, nuint size, ulong* mask);
}
