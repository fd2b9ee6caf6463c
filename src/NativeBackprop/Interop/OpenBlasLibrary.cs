using System.Runtime.InteropServices;

namespace NativeBackprop.Interop;

/// <summary>OpenBLAS as loaded: checked to be usable, told to run single-threaded, its choice of kernels examined.</summary>
internal sealed unsafe class OpenBlasLibrary
{
    /// <summary>The name the generated bindings import.</summary>
    public const string ImportName = "openblas";

    /// <summary>Forces OpenBLAS's core, whatever <c>OPENBLAS_CORETYPE</c> says.</summary>
    public const string OurCoreVariable = "NBP_OPENBLAS_CORETYPE";

    private const string CoreVariable = "OPENBLAS_CORETYPE";
    private const string ThreadsVariable = "OPENBLAS_NUM_THREADS";
    private const string L2Variable = "OPENBLAS_L2_SIZE";

    private readonly List<string> _warnings = [];

    private OpenBlasLibrary()
    {
    }

    public nint Handle { get; private set; }

    public string Name { get; private set; } = "";

    /// <summary>OpenBLAS's description of its build, such as <c>OpenBLAS 0.3.21 DYNAMIC_ARCH NO_AFFINITY …</c>.</summary>
    public string Config { get; private set; } = "";

    public string Version => Config.Split(' ') is ["OpenBLAS", var version, ..] ? version : "unknown";

    public string Core { get; private set; } = "";

    public string BestCore { get; private set; } = "";

    public IReadOnlyList<string> Warnings => _warnings;

    /// <summary>As <see cref="Load"/>, or why there is none where nobody has said that there must be.</summary>
    /// <exception cref="NativeLibraryException">
    /// The one that <c>NBP_OPENBLAS_PATH</c> names is missing, is no OpenBLAS or has 64-bit indices.
    /// </exception>
    public static (OpenBlasLibrary? Library, NativeLibraryException? Missing) TryLoad(nb_isa cpu)
    {
        try
        {
            return (Load(cpu), null);
        }
        catch (NativeLibraryException missing) when (NativeEnvironment.Get(OpenBlasLocator.PathVariable) is null)
        {
            return (null, missing);
        }
    }

    /// <summary>Loads OpenBLAS with the best kernels it has for a CPU of that level, unless the user said which.</summary>
    /// <exception cref="NativeLibraryException">It is missing, is no OpenBLAS, or has 64-bit indices.</exception>
    private static OpenBlasLibrary Load(nb_isa cpu)
    {
        var library = new OpenBlasLibrary();
        string? usersCore = NativeEnvironment.Get(CoreVariable);
        string? core = NativeEnvironment.Get(OurCoreVariable) ?? usersCore;

        // OpenBLAS reads its variables while it is being loaded. Without a limit it starts a thread for every core,
        // each of which spins for a while, and none of which is wanted here.
        string? usersThreads = NativeEnvironment.Get(ThreadsVariable);
        NativeEnvironment.Set(ThreadsVariable, usersThreads ?? "1");

        try
        {
            library.Open(core);
            if (core is null)
            {
                library.ImprovePick(cpu);
            }
            else
            {
                library.ExamineSetting(core, cpu, usersCore == core ? CoreVariable : OurCoreVariable);
            }
        }
        finally
        {
            // The process's environment is left as the user gave it.
            NativeEnvironment.Set(ThreadsVariable, usersThreads);
            NativeEnvironment.Set(CoreVariable, usersCore);
        }

        library.ExamineBuild();

        // Our own threads split the products; each of them calls a single-threaded one.
        ((delegate* unmanaged[Cdecl]<int, void>)library.Export("openblas_set_num_threads"))(1);
        return library;
    }

    private void Open(string? core)
    {
        NativeEnvironment.Set(CoreVariable, core);
        (Handle, Name) = Name.Length == 0 ? OpenBlasLocator.Find() : (NativeLibrary.Load(Name), Name);
        Config = Text("openblas_get_config");
        Core = Text("openblas_get_corename");
        BestCore = Core;
        Export("cblas_sgemv");
        if (Config.Contains("USE64BITINT", StringComparison.Ordinal))
        {
            throw Unusable($"has 64-bit indices (ILP64), a build with 32-bit indices is needed. {OpenBlasLocator.InstallHint}");
        }
    }

    // OpenBLAS goes by the CPU's name, and an old one does not know a new CPU.
    private void ImprovePick(nb_isa cpu)
    {
        string pick = Core;
        string[] better = OpenBlasCores.Better(cpu, pick);
        foreach (string core in better)
        {
            NativeLibrary.Free(Handle);
            Open(core);
            if (OpenBlasCores.LevelOf(Core) >= OpenBlasCores.LevelOf(core))
            {
                _warnings.Add(
                    $"OpenBLAS {Version} took this CPU for {pick}; it was loaded again as {Core}, whose kernels the CPU can run.");
                break;
            }
        }

        if (better is [var best, ..] && OpenBlasCores.LevelOf(Core) < OpenBlasCores.LevelOf(best))
        {
            BestCore = best;
            _warnings.Add(
                $"OpenBLAS {Version} runs {Core} kernels and refuses {best}, which this CPU can run ({Loss(Core, best)}); "
                + "a newer OpenBLAS, or one built with DYNAMIC_ARCH, has them.");
        }
    }

    private void ExamineSetting(string asked, nb_isa cpu, string variable)
    {
        // OpenBLAS obeys, and the first product would end the process with an illegal instruction.
        if (OpenBlasCores.LevelOf(Core) > cpu)
        {
            throw Unusable($"runs {Core} kernels because {variable}={asked}, which this CPU cannot run: unset {variable}");
        }

        if (!string.Equals(asked, Core, StringComparison.OrdinalIgnoreCase))
        {
            _warnings.Add($"{variable}={asked} is not a core that OpenBLAS {Version} takes; it runs {Core} kernels.");
        }

        if (OpenBlasCores.Better(cpu, Core) is [var best, ..])
        {
            BestCore = best;
            _warnings.Add(
                $"OpenBLAS runs {Core} kernels because {variable}={asked}; this CPU can run {best} ({Loss(Core, best)}): "
                + $"unset {variable}{(variable == CoreVariable ? $", or set {OurCoreVariable}={best}" : "")}.");
        }
    }

    private void ExamineBuild()
    {
        if (NativeEnvironment.Get(L2Variable) is { } size)
        {
            _warnings.Add($"{L2Variable}={size} replaces the cache size that OpenBLAS would find; its block sizes follow from it.");
        }

        switch (((delegate* unmanaged[Cdecl]<int>)Export("openblas_get_parallel"))())
        {
            case 0:
                _warnings.Add(
                    $"OpenBLAS {Version} was built without threads; unless it was built with USE_LOCKING, "
                    + "products on several threads at once are not safe.");
                break;
            case 2:
                _warnings.Add(
                    $"OpenBLAS {Version} was built with OpenMP, which starts threads inside each of our threads; "
                    + "the pthreads build is the faster one here (or set OMP_NUM_THREADS=1).");
                break;
        }
    }

    private static string Loss(string core, string best) =>
        OpenBlasCores.LevelOf(core) == nb_isa.NB_ISA_SCALAR ? "up to 5 times as fast"
        : OpenBlasCores.LevelOf(best) == nb_isa.NB_ISA_AVX512 ? "about twice as fast"
        : "faster";

    private string Text(string function) =>
        Marshal.PtrToStringUTF8((nint)((delegate* unmanaged[Cdecl]<sbyte*>)Export(function))())?.Trim() ?? "";

    // Through exports and not the bindings: a binding, once resolved, would outlive a library that is freed.
    private nint Export(string name) =>
        NativeLibrary.TryGetExport(Handle, name, out nint address)
            ? address
            : throw Unusable($"is not a usable OpenBLAS: it lacks {name}. {OpenBlasLocator.InstallHint}");

    private NativeLibraryException Unusable(string fault)
    {
        NativeLibrary.Free(Handle);
        return new NativeLibraryException($"{Name} {fault}");
    }
}
