namespace NativeBackprop.Interop;

/// <summary>The native libraries that this process runs on, as <c>nbp info</c> and the benchmarks print them.</summary>
/// <param name="KernelsPath">Where libnativebackprop was loaded from.</param>
/// <param name="AbiVersion">Its ABI version.</param>
/// <param name="ActiveIsa">The instruction set its kernels run with now: <c>scalar</c>, <c>avx2</c> or <c>avx512</c>.</param>
/// <param name="BestIsa">The best one that CPU and operating system support.</param>
/// <param name="BlasPath">Where OpenBLAS was loaded from; null, as all that follows of OpenBLAS, where there is none.</param>
/// <param name="BlasVersion">OpenBLAS's version, such as <c>0.3.21</c>.</param>
/// <param name="BlasConfig">OpenBLAS's own description of its build.</param>
/// <param name="BlasCore">The core whose kernels OpenBLAS runs, such as <c>SkylakeX</c>.</param>
/// <param name="BestBlasCore">The core that this CPU could run; the same as <paramref name="BlasCore"/> when nothing is lost.</param>
/// <param name="Warnings">What costs speed here, one line each; empty when all is well.</param>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record NativeLibraryInfo(
    string KernelsPath,
    int AbiVersion,
    string ActiveIsa,
    string BestIsa,
    string? BlasPath,
    string? BlasVersion,
    string? BlasConfig,
    string? BlasCore,
    string? BestBlasCore,
    IReadOnlyList<string> Warnings);
