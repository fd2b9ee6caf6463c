using System.Reflection;
using System.Runtime.InteropServices;
using NUnit.Framework;
using NativeBackprop.Interop;

namespace NativeBackprop.Tests.Interop;

/// <summary>Holds the committed bindings against the headers: what the generator would write is what must be there.</summary>
[TestFixture]
internal sealed class BindingTests
{
    private static readonly string[] _systemHeaders =
    [
        "/usr/include/x86_64-linux-gnu/openblas-pthread/cblas.h",
        "/usr/include/aarch64-linux-gnu/openblas-pthread/cblas.h",
        "/usr/include/openblas/cblas.h",
        "/opt/homebrew/opt/openblas/include/cblas.h",
    ];

    private static BindingOptions Options(string name) => new(Repository.Read("native", "bindings", name));

    private static string KernelHeader => Repository.Read("native", "include", "nativebackprop.h");

    // The part of OpenBLAS's header that is bound; tests must not depend on its development package.
    private static string CblasExcerpt => Repository.Read("tests", "NativeBackprop.Tests", "Interop", "cblas_excerpt.h");

    private static IReadOnlyDictionary<string, string> Bindings(string header, BindingOptions options, bool strict = true) =>
        new BindingWriter(CHeader.Parse(header, options.Macros, strict), options).Write();

    private static string? Committed(string file) =>
        File.Exists(Repository.PathOf("src", "NativeBackprop", "Interop", "Generated", file))
            ? Repository.Read("src", "NativeBackprop", "Interop", "Generated", file)
            : null;

    /// <summary>The first line that differs, with its number; null when the texts are the same.</summary>
    private static string? Difference(string file, string expected, string? actual)
    {
        if (actual is null)
        {
            return $"{file} is missing";
        }

        string[] want = expected.Split('\n');
        string[] have = actual.Split('\n');
        for (int i = 0; i < Math.Max(want.Length, have.Length); i++)
        {
            string wanted = i < want.Length ? want[i] : "(end of file)";
            string had = i < have.Length ? have[i] : "(end of file)";
            if (wanted != had)
            {
                return $"{file}({i + 1}): the header says\n  {wanted}\nthe binding says\n  {had}";
            }
        }

        return null;
    }

    private static string[] Differences(string header, BindingOptions options, bool strict = true) =>
        [.. Bindings(header, options, strict).Select(file => Difference(file.Key, file.Value, Committed(file.Key))).OfType<string>()];

    /// <summary>With NBP_WRITE_BINDINGS in the environment the bindings are written first: nobody has to type them.</summary>
    [Test]
    public void Kernel_bindings_are_what_the_header_declares()
    {
        if (Environment.GetEnvironmentVariable("NBP_WRITE_BINDINGS") is not null)
        {
            foreach ((string file, string text) in Bindings(KernelHeader, Options("kernels.rsp")))
            {
                File.WriteAllText(Repository.PathOf("src", "NativeBackprop", "Interop", "Generated", file), text);
            }
        }

        Assert.That(Differences(KernelHeader, Options("kernels.rsp")), Is.Empty, "NBP_WRITE_BINDINGS=1 writes them");
    }

    [Test]
    public void Cblas_bindings_are_what_the_excerpt_declares() =>
        Assert.That(Differences(CblasExcerpt, Options("cblas.rsp")), Is.Empty);

    [Test]
    public void Cblas_bindings_are_what_the_installed_header_declares()
    {
        string? installed = _systemHeaders.FirstOrDefault(File.Exists);
        if (installed is null)
        {
            Assert.Ignore("no cblas.h of OpenBLAS is installed (Debian: libopenblas-dev); the committed excerpt is compared instead");
        }

        // It has variadic functions and callbacks that nobody binds; one of ours that is passed over is a difference.
        string header = File.ReadAllText(installed).ReplaceLineEndings("\n");
        Assert.That(Differences(header, Options("cblas.rsp"), strict: false), Is.Empty);
    }

    [Test]
    public void No_generated_file_lacks_a_declaration()
    {
        string[] expected =
        [
            .. Bindings(KernelHeader, Options("kernels.rsp")).Keys,
            .. Bindings(CblasExcerpt, Options("cblas.rsp")).Keys,
        ];
        IEnumerable<string?> present = Directory
            .EnumerateFiles(Repository.PathOf("src", "NativeBackprop", "Interop", "Generated"))
            .Select(Path.GetFileName);
        Assert.That(present, Is.EquivalentTo(expected));
    }

    /// <summary>A comparison that cannot fail proves nothing: each of these changes to the header must be noticed.</summary>
    [TestCase("nb_relu_forward_f32", "nb_relu_forward", TestName = "Notices a renamed function")]
    [TestCase(
        "nb_sgd_update_f32(const float *g, size_t n, float lr", "nb_sgd_update_f32(const float *g, size_t n, float rate",
        TestName = "Notices a renamed parameter")]
    [TestCase(
        "nb_softmax_f32(const float *z, size_t rows, size_t cols", "nb_softmax_f32(const float *z, size_t cols, size_t rows",
        TestName = "Notices swapped parameters")]
    [TestCase("nb_softmax_f32(const float *z", "nb_softmax_f32(const double *z", TestName = "Notices another type")]
    [TestCase(
        "nb_softmax_f32(const float *z, size_t rows, size_t cols, float *y)",
        "nb_softmax_f32(const float *z, size_t rows, size_t cols, const float *y)", TestName = "Notices a const")]
    [TestCase(
        "nb_softmax_f32(const float *z, size_t rows, size_t cols, float *y)",
        "nb_softmax_f32(const float *z, size_t rows, size_t cols, float y)", TestName = "Notices a lost star")]
    [TestCase("void nb_softmax_f32(", "int nb_softmax_f32(", TestName = "Notices another return type")]
    [TestCase("int32_t nb_abi_version", "int nb_abi_version", TestName = "Notices another name of the same type")]
    [TestCase("NB_API nb_isa nb_best_isa(void);", "", TestName = "Notices a removed function")]
    [TestCase(
        "NB_API nb_isa nb_best_isa(void);", "NB_API nb_isa nb_best_isa(void); NB_API nb_isa nb_worst_isa(void);",
        TestName = "Notices an added function")]
    [TestCase("NB_API nb_isa nb_best_isa(void);", "typedef enum nb_new { NB_NEW = 0 } nb_new;", TestName = "Notices an added enum")]
    [TestCase("NB_ISA_AVX2 = 1", "NB_ISA_AVX2 = 3", TestName = "Notices another enum value")]
    [TestCase("#define NB_ABI_VERSION ", "#define NB_ABI_VERSION 1", TestName = "Notices another ABI version")]
    public void Comparison_notices(string text, string replacement)
    {
        string changed = KernelHeader.Replace(text, replacement, StringComparison.Ordinal);
        Assume.That(changed, Is.Not.EqualTo(KernelHeader), "the header no longer has the text that this case changes");
        Assert.That(Differences(changed, Options("kernels.rsp")), Is.Not.Empty);
    }

    [Test]
    public void Every_binding_is_exported_by_its_library([Values] bool ofOpenBlas)
    {
        if (ofOpenBlas)
        {
            OpenBlasPresence.Require();
        }

        string[] missing =
        [
            .. (ofOpenBlas ? typeof(Cblas) : typeof(Kernels))
                .GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly)
                .Where(method => !Resolves(method))
                .Select(method => method.Name)

                // OpenBLAS has it only where it was built with bfloat16 kernels.
                .Except(["cblas_sbgemm"]),
        ];
        Assert.That(missing, Is.Empty);
    }

    private static bool Resolves(MethodInfo method)
    {
        try
        {
            Marshal.Prelink(method);
            return true;
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }
    }
}
