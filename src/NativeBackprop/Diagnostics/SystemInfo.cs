using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;
using NativeBackprop.Interop;

namespace NativeBackprop.Diagnostics;

/// <summary>What a figure measured here depends on: CPU, operating system, runtime, native libraries.</summary>
/// <param name="Cpu">The CPU's own name.</param>
/// <param name="LogicalProcessors">How many logical processors this process may use.</param>
/// <param name="OperatingSystem">Name and version of the operating system.</param>
/// <param name="Architecture">The process's architecture, such as <c>x64</c>.</param>
/// <param name="Runtime">The .NET runtime, such as <c>.NET 10.0.0</c>.</param>
/// <param name="Native">The native libraries, with the warnings about them.</param>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
internal sealed record SystemInfo(
    string Cpu,
    int LogicalProcessors,
    string OperatingSystem,
    string Architecture,
    string Runtime,
    NativeLibraryInfo Native)
{
    /// <summary>Reads the machine, and loads the native libraries if that has not been done yet.</summary>
    /// <exception cref="NativeLibraryException">A native library is missing, of another version, or unusable.</exception>
    public static SystemInfo Collect() => new(
        CpuName(),
        Environment.ProcessorCount,
        RuntimeInformation.OSDescription,
        RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant(),
        RuntimeInformation.FrameworkDescription,
        NativeLibraries.Info);

    private static string CpuName()
    {
        string name = X86Base.IsSupported ? BrandString() : LinuxModelName();
        return name.Length > 0 ? name : "unknown";
    }

    // Intel's and AMD's manuals, CPUID leaves 0x80000002 to 0x80000004: 48 bytes of text, padded with zeros or blanks.
    private static string BrandString()
    {
        const uint extendedLeaves = 0x80000000;
        if ((uint)X86Base.CpuId(unchecked((int)extendedLeaves), 0).Eax < extendedLeaves + 4)
        {
            return "";
        }

        Span<int> registers = stackalloc int[12];
        for (int leaf = 0; leaf < 3; leaf++)
        {
            (registers[4 * leaf], registers[4 * leaf + 1], registers[4 * leaf + 2], registers[4 * leaf + 3]) =
                X86Base.CpuId(unchecked((int)extendedLeaves) + 2 + leaf, 0);
        }

        string text = Encoding.ASCII.GetString(MemoryMarshal.AsBytes(registers));
        return string.Join(' ', text.TrimEnd('\0').Split(' ', StringSplitOptions.RemoveEmptyEntries));
    }

    // ARM kernels give a number for the part and only sometimes a name.
    private static string LinuxModelName()
    {
        const string cpuInfo = "/proc/cpuinfo";
        return !File.Exists(cpuInfo)
            ? ""
            : File.ReadLines(cpuInfo)
                .Where(line => line.StartsWith("model name", StringComparison.OrdinalIgnoreCase))
                .Select(line => line[(line.IndexOf(':') + 1)..].Trim())
                .FirstOrDefault("");
    }
}
