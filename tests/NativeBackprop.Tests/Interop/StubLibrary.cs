using NUnit.Framework;

namespace NativeBackprop.Tests.Interop;

/// <summary>Small shared libraries, compiled on the spot, that misbehave in ways a real one does on other machines.</summary>
internal static class StubLibrary
{
    /// <summary>
    /// An OpenBLAS that, like the real one, chooses its core while it is being loaded: what OPENBLAS_CORETYPE says, if
    /// it takes that, else one it falls back to.
    /// </summary>
    public static string OpenBlas(
        string fallback, bool takesNames = true, string config = "OpenBLAS 9.9.9 DYNAMIC_ARCH", int parallel = 1) => $$"""
        #include <stdlib.h>
        static const char *core;
        __attribute__((constructor)) static void choose(void)
        {
            const char *asked = getenv("OPENBLAS_CORETYPE");
            core = asked && {{(takesNames ? 1 : 0)}} ? asked : "{{fallback}}";
        }
        char *openblas_get_config(void) { return (char *)"{{config}}"; }
        char *openblas_get_corename(void) { return (char *)core; }
        int openblas_get_parallel(void) { return {{parallel}}; }
        void openblas_set_num_threads(int n) { (void)n; }
        void cblas_sgemv(void) { }
        """;

    /// <summary>A libnativebackprop of some ABI version, for a CPU of some level, whose initialisation ends with some status.</summary>
    public static string Kernels(int abi, int best = 0, int status = 0) => $$"""
        int nb_abi_version(void) { return {{abi}}; }
        int nb_initialize(void) { return {{status}}; }
        unsigned nb_active_isa(void) { return 0; }
        unsigned nb_best_isa(void) { return {{best}}; }
        """;

    /// <summary>Compiles C to a shared library in this test's folder.</summary>
    /// <param name="source">The C code.</param>
    /// <param name="behind">A library that has whatever this one lacks.</param>
    public static string Compile(string source, string? behind = null)
    {
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "stubs", $"{TestContext.CurrentContext.Test.ID}.so");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path + ".c", source);
        ChildResult compiled = Child.Run("cc", ["-shared", "-fPIC", "-o", path, path + ".c", .. LinkTo(behind)]);
        Assert.That(compiled.ExitCode, Is.Zero, compiled.Error);
        return path;
    }

    private static string[] LinkTo(string? library) =>
        library is null ? [] : ["-Wl,--no-as-needed", library, $"-Wl,-rpath,{Path.GetDirectoryName(library)}"];
}
