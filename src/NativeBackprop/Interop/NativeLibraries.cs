using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NativeBackprop.Interop;

/// <summary>
/// The two native libraries as one resource of the process: loaded once, checked once, never unloaded.
/// Whatever is about to call into <c>Kernels</c> or <c>Cblas</c> calls <see cref="EnsureLoaded"/> where it is
/// built (a plan, a buffer of a model), so that a user's mistake surfaces there as a typed exception.
/// </summary>
internal static class NativeLibraries
{
    private static readonly Lock _gate = new();
    private static volatile bool _loaded;
    private static OpenBlasLibrary? _blas;
    private static NativeLibraryException? _noBlas;
    private static NativeLibraryInfo? _info;
    private static (nint Handle, string Name) _kernels;

    /// <summary>What was loaded and what is to be said about it; loads the libraries on first use.</summary>
    /// <exception cref="NativeLibraryException">As for <see cref="EnsureLoaded"/>.</exception>
    public static NativeLibraryInfo Info
    {
        get
        {
            EnsureLoaded();
            lock (_gate)
            {
                // Asking where a library lives reads the process's memory map: not at start-up, but here.
                _info ??= Describe();
            }

            // Tests and benchmarks switch the level at run time.
            return _info with { ActiveIsa = KernelLibrary.IsaName(Kernels.nb_active_isa()) };
        }
    }

    /// <summary>Warnings collected while loading; empty before the libraries are loaded.</summary>
    public static IReadOnlyList<string> Warnings => !_loaded ? []
        : _blas?.Warnings ?? [$"All products are our own: {_noBlas!.Message}"];

    /// <summary>Whether there is an OpenBLAS. Without one our own products do everything.</summary>
    /// <exception cref="NativeLibraryException">As for <see cref="EnsureLoaded"/>.</exception>
    public static bool HasBlas
    {
        get
        {
            EnsureLoaded();
            return _blas is not null;
        }
    }

    /// <summary>The core whose kernels OpenBLAS runs; empty where there is none.</summary>
    public static string BlasCore => HasBlas ? _blas!.Core : "";

    /// <summary>
    /// Finds, loads and checks both libraries; OpenBLAS may be missing or unusable where <c>NBP_OPENBLAS_PATH</c> does not name it.
    /// Idempotent and thread-safe; after the first success it is one volatile read. A failure is not remembered: the next call tries again.
    /// </summary>
    /// <exception cref="NativeLibraryException">
    /// Our library is missing or has another version's ABI, the OpenBLAS that <c>NBP_OPENBLAS_PATH</c> names is missing or unusable, or
    /// <c>NBP_FORCE_ISA</c> cannot be honoured.
    /// </exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EnsureLoaded()
    {
        if (!_loaded)
        {
            Load();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Load()
    {
        IReadOnlyList<string> warnings;
        lock (_gate)
        {
            if (_loaded)
            {
                return;
            }

            // Ours first: it knows what the CPU can do, which is what OpenBLAS's choice is held against.
            if (_kernels.Handle == 0)
            {
                _kernels = KernelLibrary.Load();
            }

            KernelLibrary.Initialize();
            (_blas, _noBlas) = OpenBlasLibrary.TryLoad(Kernels.nb_best_isa());
            _loaded = true;
            warnings = Warnings;
        }

        NativeBackpropRuntime.Report(warnings);
    }

    /// <summary>Asks for an OpenBLAS.</summary>
    /// <exception cref="NativeLibraryException">
    /// There is none; the message lists where it was looked for, and how to install it.
    /// </exception>
    public static void RequireBlas()
    {
        if (!HasBlas)
        {
            throw new NativeLibraryException(_noBlas!.Message, _noBlas);
        }
    }

    private static NativeLibraryInfo Describe() => new(
        KernelsPath: LibraryProbe.PathOf(_kernels.Handle, "nb_abi_version", _kernels.Name),
        AbiVersion: Kernels.nb_abi_version(),
        ActiveIsa: KernelLibrary.IsaName(Kernels.nb_active_isa()),
        BestIsa: KernelLibrary.IsaName(Kernels.nb_best_isa()),
        BlasPath: _blas is null ? null : LibraryProbe.PathOf(_blas.Handle, "openblas_get_config", _blas.Name),
        BlasVersion: _blas?.Version,
        BlasConfig: _blas?.Config,
        BlasCore: _blas?.Core,
        BestBlasCore: _blas?.BestCore,
        Warnings: Warnings);

    [SuppressMessage("Usage", "CA2255", Justification =
        "A resolver must be in place before the first P/Invoke of this assembly, whichever that is; it loads nothing.")]
    [ModuleInitializer]
    internal static void RegisterResolver() =>
        NativeLibrary.SetDllImportResolver(typeof(NativeLibraries).Assembly, Resolve);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath)
    {
        switch (name)
        {
            case KernelLibrary.ImportName:
                // While Load runs, on this thread, the handle is there already and the rest is not.
                if (_kernels.Handle == 0)
                {
                    EnsureLoaded();
                }

                return _kernels.Handle;
            case OpenBlasLibrary.ImportName:
                RequireBlas();
                return _blas!.Handle;
            default:
                return 0;
        }
    }
}
