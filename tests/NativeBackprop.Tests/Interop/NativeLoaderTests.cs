using System.Text.Json;
using NUnit.Framework;
using NativeBackprop.Interop;

namespace NativeBackprop.Tests.Interop;

[TestFixture]
internal sealed class NativeLoaderTests
{
    private static string OpenBlasStub(string fallback, bool takesNames = true) =>
        StubLibrary.Compile(StubLibrary.OpenBlas(fallback, takesNames));

    private static JsonElement Info(params (string Name, string Value)[] variables)
    {
        ChildResult child = Child.Nbp(["info", "--json"], variables);
        Assert.That(child.ExitCode, Is.Zero, child.Error);
        return JsonDocument.Parse(child.Output).RootElement;
    }

    private static string Failure(params (string Name, string Value)[] variables)
    {
        ChildResult child = Child.Nbp(["info"], variables);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(child.ExitCode, Is.EqualTo(1));
            Assert.That(child.Output, Is.Empty);
            Assert.That(child.ErrorLine, Does.StartWith("nbp: error: "));
        }

        return child.ErrorLine;
    }

    private static string[] Warnings(JsonElement info) =>
        [.. info.GetProperty("warnings").EnumerateArray().Select(warning => warning.GetString()!)];

    private static void AssumeCpuHas(nb_isa isa)
    {
        NativeLibraries.EnsureLoaded();
        Assume.That(Kernels.nb_best_isa(), Is.GreaterThanOrEqualTo(isa), "this CPU has no better kernels to ask OpenBLAS for");
    }

    [Test]
    public void Loading_from_many_threads_loads_once()
    {
        var infos = new NativeLibraryInfo[16];
        Parallel.For(0, infos.Length, i => infos[i] = NativeLibraries.Info);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(infos, Is.All.EqualTo(infos[0]));
            Assert.That(infos[0].Warnings, Is.SameAs(infos[^1].Warnings));
        }
    }

    [Test]
    public void Info_describes_what_is_loaded()
    {
        NativeLibraryInfo info = NativeLibraries.Info;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(info.KernelsPath, Does.Exist);
            Assert.That(info.AbiVersion, Is.EqualTo(Kernels.NB_ABI_VERSION));
            Assert.That(info.ActiveIsa, Is.EqualTo(KernelLibrary.IsaName(Kernels.nb_active_isa())));
        }

        OpenBlasPresence.Require();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(info.BlasPath, Does.Contain("openblas"));
            Assert.That(info.BlasVersion, Does.Match(@"^\d+\.\d+"));
            Assert.That(info.BlasCore, Is.Not.Empty);
        }
    }

    [Test]
    public void OpenBLAS_is_told_to_use_one_thread()
    {
        OpenBlasPresence.Require();
        Assert.That(Cblas.openblas_get_num_threads(), Is.EqualTo(1));
    }

    [Test]
    public void One_library_is_copied_keyed_by_rid()
    {
        string[] copies = Directory.GetFiles(AppContext.BaseDirectory, "*nativebackprop.*", SearchOption.AllDirectories)
            .Where(path => Path.GetExtension(path) is ".so" or ".dylib" || Path.GetFileName(path) == "nativebackprop.dll")
            .ToArray();
        Assert.That(copies, Has.Length.EqualTo(1));
        Assert.That(copies[0].Replace('\\', '/'), Does.Match("/runtimes/[a-z0-9-]+/native/"));
    }

    [Test]
    public void Every_level_of_the_machine_can_be_forced([Values("scalar", "avx2", "avx512")] string isa)
    {
        NativeLibraries.EnsureLoaded();
        nb_isa level = Enum.GetValues<nb_isa>().Single(value => KernelLibrary.IsaName(value) == isa);
        Assume.That(level, Is.LessThanOrEqualTo(Kernels.nb_best_isa()), $"this CPU lacks {isa}");
        Assert.That(Info((KernelLibrary.IsaVariable, isa)).GetProperty("isa").GetString(), Is.EqualTo(isa));
    }

    [Test]
    public void Unknown_isa_is_named_with_what_is_allowed() =>
        Assert.That(Failure((KernelLibrary.IsaVariable, "sse9")), Does.Contain("NBP_FORCE_ISA is 'sse9'").And.Contain("scalar"));

    [Test]
    [Platform(Exclude = "Win", Reason = "compiles a stub with cc")]
    public void Isa_that_the_cpu_lacks_is_named_with_what_it_has()
    {
        string library = StubLibrary.Compile(StubLibrary.Kernels(
            Kernels.NB_ABI_VERSION, best: (int)nb_isa.NB_ISA_AVX2, status: (int)nb_status.NB_ERROR_UNSUPPORTED_ISA));
        string error = Failure((KernelLibrary.PathVariable, library), (KernelLibrary.IsaVariable, "avx512"));
        Assert.That(error, Does.Contain("'avx512', which this CPU lacks").And.Contain("scalar, avx2."));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "compiles a stub with cc")]
    public void Another_abi_is_refused_with_both_versions()
    {
        string library = StubLibrary.Compile(StubLibrary.Kernels(abi: 4711));
        Assert.That(Failure((KernelLibrary.PathVariable, library)),
            Does.Contain(library).And.Contain("4711").And.Contain($"needs version {Kernels.NB_ABI_VERSION}"));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "compiles a stub with cc")]
    public void Library_without_a_version_is_refused()
    {
        string library = StubLibrary.Compile("int something_else;");
        Assert.That(Failure((KernelLibrary.PathVariable, library)), Does.Contain("lacks nb_abi_version"));
    }

    [Test]
    public void Missing_explicit_library_is_not_replaced_by_another() =>
        Assert.That(Failure((KernelLibrary.PathVariable, "/nowhere/libnativebackprop.so")),
            Does.Contain("NBP_NATIVE_PATH names").And.Contain("libnativebackprop.so'"));

    [Test]
    public void Missing_explicit_OpenBLAS_says_how_to_install_it() =>
        Assert.That(Failure((OpenBlasLocator.PathVariable, "/nowhere/libopenblas.so")),
            Does.Contain("NBP_OPENBLAS_PATH names").And.Contain("libopenblas.so'").And.Contain(OpenBlasLocator.InstallHint));

    [Test]
    public void File_that_is_no_library_is_named_with_the_reason()
    {
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "not-a-library.so");
        File.WriteAllText(path, "text");
        Assert.That(Failure((OpenBlasLocator.PathVariable, path)), Does.Contain(path).And.Contain("does not load"));
    }

    [Test]
    public void Missing_OpenBLAS_lists_every_place_tried()
    {
        string[] places = ["/nowhere/libopenblas.so.0", "libnosuchopenblas.so.0", "/elsewhere/libopenblas.so"];
        NativeLibraryException error = Assert.Throws<NativeLibraryException>(() => OpenBlasLocator.FindAmong(places))!;
        Assert.That(error.Message, Does.Contain(string.Join(", ", places)).And.Contain(OpenBlasLocator.InstallHint));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "compiles a stub with cc")]
    public void OpenBLAS_with_64_bit_indices_is_refused()
    {
        string library = StubLibrary.Compile(StubLibrary.OpenBlas("Haswell", config: "OpenBLAS 9.9.9 USE64BITINT DYNAMIC_ARCH"));
        Assert.That(Failure((OpenBlasLocator.PathVariable, library)), Does.Contain("64-bit indices"));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "compiles a stub with cc")]
    public void Library_that_is_no_OpenBLAS_is_refused()
    {
        string library = StubLibrary.Compile("int something_else;");
        Assert.That(Failure((OpenBlasLocator.PathVariable, library)), Does.Contain("is not a usable OpenBLAS"));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "compiles a stub with cc")]
    public void Wrong_pick_is_corrected_by_loading_again()
    {
        AssumeCpuHas(nb_isa.NB_ISA_AVX2);
        JsonElement info = Info((OpenBlasLocator.PathVariable, OpenBlasStub("Prescott")));
        string best = OpenBlasCores.Better(Kernels.nb_best_isa(), "Prescott")[0];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(info.GetProperty("blas_core").GetString(), Is.EqualTo(best));
            Assert.That(info.GetProperty("best_blas_core").GetString(), Is.EqualTo(best));
            Assert.That(Warnings(info), Has.One.Contains("took this CPU for Prescott").And.One.Contains($"again as {best}"));
        }
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "compiles a stub with cc")]
    public void Wrong_pick_that_cannot_be_corrected_is_said()
    {
        AssumeCpuHas(nb_isa.NB_ISA_AVX2);
        JsonElement info = Info((OpenBlasLocator.PathVariable, OpenBlasStub("Prescott", takesNames: false)));
        string best = OpenBlasCores.Better(Kernels.nb_best_isa(), "Prescott")[0];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(info.GetProperty("blas_core").GetString(), Is.EqualTo("Prescott"));
            Assert.That(info.GetProperty("best_blas_core").GetString(), Is.EqualTo(best));
            Assert.That(Warnings(info), Has.One.Contains($"runs Prescott kernels and refuses {best}"));
        }
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "compiles a stub with cc")]
    public void Right_pick_is_left_alone()
    {
        AssumeCpuHas(nb_isa.NB_ISA_AVX2);
        string right = Kernels.nb_best_isa() == nb_isa.NB_ISA_AVX512 ? "Cooperlake" : "Zen";
        JsonElement info = Info((OpenBlasLocator.PathVariable, OpenBlasStub(right)));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(info.GetProperty("blas_core").GetString(), Is.EqualTo(right));
            Assert.That(Warnings(info), Is.Empty);
        }
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "compiles a stub with cc")]
    public void Users_setting_is_honoured_and_its_loss_said()
    {
        AssumeCpuHas(nb_isa.NB_ISA_AVX2);
        JsonElement info = Info((OpenBlasLocator.PathVariable, OpenBlasStub("Haswell")), ("OPENBLAS_CORETYPE", "Prescott"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(info.GetProperty("blas_core").GetString(), Is.EqualTo("Prescott"));
            Assert.That(Warnings(info), Has.One.Contains("because OPENBLAS_CORETYPE=Prescott"));
        }
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "compiles a stub with cc")]
    public void Our_own_setting_overrides_the_users()
    {
        AssumeCpuHas(nb_isa.NB_ISA_AVX2);
        JsonElement info = Info(
            (OpenBlasLocator.PathVariable, OpenBlasStub("Prescott")),
            ("OPENBLAS_CORETYPE", "Prescott"),
            (OpenBlasLibrary.OurCoreVariable, "Haswell"));
        Assert.That(info.GetProperty("blas_core").GetString(), Is.EqualTo("Haswell"));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "compiles a stub with cc")]
    public void Setting_that_OpenBLAS_does_not_take_is_said()
    {
        JsonElement info = Info(
            (OpenBlasLocator.PathVariable, OpenBlasStub("Haswell", takesNames: false)), ("OPENBLAS_CORETYPE", "Granite"));
        Assert.That(Warnings(info), Has.Some.Contains("OPENBLAS_CORETYPE=Granite is not a core"));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "compiles a stub with cc")]
    public void Build_that_does_not_suit_our_threads_is_said([Values(0, 2)] int parallel)
    {
        string library = StubLibrary.Compile(StubLibrary.OpenBlas("Haswell", parallel: parallel));
        Assert.That(Warnings(Info((OpenBlasLocator.PathVariable, library))),
            Has.One.Contains(parallel == 0 ? "built without threads" : "built with OpenMP"));
    }
}
