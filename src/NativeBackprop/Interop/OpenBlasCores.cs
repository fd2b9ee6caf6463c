namespace NativeBackprop.Interop;

/// <summary>
/// OpenBLAS names its sets of kernels after CPU cores. What matters for speed is the instruction set behind the
/// name: measured on one core at 1024³, the AVX-512 ones reach 250 GFLOP/s, Haswell 131, Prescott 48.
/// </summary>
internal static class OpenBlasCores
{
    private static readonly string[] _avx512 = ["SkylakeX", "Cooperlake", "SapphireRapids"];

    // Zen is OpenBLAS's name for AMD's cores of the first generations; it runs the Haswell kernels.
    private static readonly string[] _avx2 = ["Haswell", "Zen"];

    /// <summary>The instruction set a core's kernels use; scalar stands for everything below AVX2.</summary>
    public static nb_isa LevelOf(string core) =>
        _avx512.Contains(core, StringComparer.OrdinalIgnoreCase) ? nb_isa.NB_ISA_AVX512
        : _avx2.Contains(core, StringComparer.OrdinalIgnoreCase) ? nb_isa.NB_ISA_AVX2
        : nb_isa.NB_ISA_SCALAR;

    /// <summary>The cores to ask for on a CPU of that level when OpenBLAS's own pick is worse, best first.</summary>
    /// <remarks>Only names that every OpenBLAS since 0.3.0 accepts: 0.3.21 does not know Cooperlake by name.</remarks>
    public static string[] Better(nb_isa cpu, string than) =>
        [.. new[] { "SkylakeX", "Haswell" }.Where(core => LevelOf(core) <= cpu && LevelOf(core) > LevelOf(than))];
}
