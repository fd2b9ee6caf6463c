using System.Runtime.InteropServices;

namespace NativeBackprop.Interop;

/// <summary>
/// Pages of 2 MiB, which Linux gives to memory that is asked for them (<c>madvise</c>, transparent_hugepage) and that has not been touched.
/// One entry of the CPU's page tables then covers what 512 did.
/// </summary>
internal static partial class HugePages
{
    /// <summary>Their size, and the boundary that they start on.</summary>
    public const long Size = 2 << 20;

    // A last page that is less full than this would cost more memory than it is worth.
    private const long LeastUse = Size / 4 * 3;

    // An allocation is larger by up to a page, so as to start on one.
    private const long LeastBytes = 2 * Size;

    private const int AdviceHugePage = 14;
    private const string Setting = "/sys/kernel/mm/transparent_hugepage/enabled";

    /// <summary>
    /// What the kernel does when it is asked: <c>always</c>, <c>madvise</c> or <c>never</c>; null where there is no such thing.
    /// </summary>
    public static string? Mode
    {
        get
        {
            try
            {
                // The file holds all three words, the one in force in brackets.
                return OperatingSystem.IsLinux() && File.Exists(Setting)
                    ? File.ReadAllText(Setting).Split(' ', '\n').FirstOrDefault(word => word.StartsWith('['))?.Trim('[', ']')
                    : null;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }

    /// <summary>
    /// How many bytes of an allocation that starts on their boundary should be huge pages; 0 when it is too small for any.
    /// </summary>
    public static long BytesFor(long bytes)
    {
        long rest = bytes % Size;
        return OperatingSystem.IsLinux() && bytes >= LeastBytes ? bytes - rest + (rest >= LeastUse ? Size : 0) : 0;
    }

    /// <summary>Asks for huge pages. Whether they are granted changes nothing but speed, so a refusal is no error.</summary>
    public static void Ask(nint start, long bytes) => _ = madvise(start, (nuint)bytes, AdviceHugePage);

    [LibraryImport("libc")]
    private static partial int madvise(nint address, nuint length, int advice);
}
