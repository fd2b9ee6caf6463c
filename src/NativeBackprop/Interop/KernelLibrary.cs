using System.Runtime.InteropServices;

namespace NativeBackprop.Interop;

/// <summary>libnativebackprop: where it is looked for, and the checks before its first use.</summary>
internal static unsafe class KernelLibrary
{
    /// <summary>The name the generated bindings import.</summary>
    public const string ImportName = "nativebackprop";

    /// <summary>An explicit place for the library: a file, or a folder that holds it. Nothing else is tried then.</summary>
    public const string PathVariable = "NBP_NATIVE_PATH";

    /// <summary>Forces the instruction set of the kernels; read by the library itself.</summary>
    public const string IsaVariable = "NBP_FORCE_ISA";

    private static string FileName =>
        OperatingSystem.IsWindows() ? "nativebackprop.dll"
        : OperatingSystem.IsMacOS() ? "libnativebackprop.dylib"
        : "libnativebackprop.so";

    /// <summary>Finds and loads the library and checks its ABI version.</summary>
    /// <exception cref="NativeLibraryException">It is missing, or speaks another version.</exception>
    public static (nint Handle, string Name) Load()
    {
        (nint Handle, string Name) library;
        if (NativeEnvironment.Get(PathVariable) is { } path)
        {
            library = LibraryProbe.LoadExplicit(PathVariable, path, [FileName]);
        }
        else
        {
            string[] candidates = [.. LibraryProbe.AppFolders.Select(folder => Path.Combine(folder, FileName)), FileName];
            library = LibraryProbe.TryLoad(candidates);
            if (library.Handle == 0)
            {
                throw new NativeLibraryException(
                    $"{FileName} was not found; tried {string.Join(", ", candidates)}. "
                    + "It comes with the package and with a build; a single file elsewhere is named by " + PathVariable + ".");
            }
        }

        // Through the export and not the binding: a binding, once resolved, cannot be taken back.
        int found = NativeLibrary.TryGetExport(library.Handle, "nb_abi_version", out nint version)
            ? ((delegate* unmanaged[Cdecl]<int>)version)()
            : 0;
        if (found == Kernels.NB_ABI_VERSION)
        {
            return library;
        }

        NativeLibrary.Free(library.Handle);
        throw new NativeLibraryException(
            $"{library.Name} has ABI version {(found == 0 ? "none (it lacks nb_abi_version)" : found)}, "
            + $"this build of NativeBackprop needs version {Kernels.NB_ABI_VERSION}.");
    }

    /// <summary>Picks the kernels for this CPU, or those that <c>NBP_FORCE_ISA</c> names.</summary>
    /// <exception cref="NativeLibraryException">The variable names no level, or one that this CPU lacks.</exception>
    public static void Initialize()
    {
        // The library reads the C environment, of which .NET's is a copy: a value that the host set must reach it.
        string? forced = NativeEnvironment.Get(IsaVariable);
        if (forced is not null)
        {
            NativeEnvironment.Set(IsaVariable, forced);
        }

        nb_status status = Kernels.nb_initialize();
        if (status == nb_status.NB_OK)
        {
            return;
        }

        nb_isa best = Kernels.nb_best_isa();
        string allowed = string.Join(", ", Enum.GetValues<nb_isa>().Where(isa => isa <= best).Select(IsaName));
        throw new NativeLibraryException(status == nb_status.NB_ERROR_UNSUPPORTED_ISA
            ? $"{IsaVariable} asks for '{forced}', which this CPU lacks; it has {allowed}."
            : $"{IsaVariable} is '{forced}'; allowed on this CPU: {allowed}.");
    }

    /// <summary>A level as users write it: <c>scalar</c>, <c>avx2</c>, <c>avx512</c>.</summary>
    public static string IsaName(nb_isa isa) => isa switch
    {
        nb_isa.NB_ISA_SCALAR => "scalar",
        nb_isa.NB_ISA_AVX2 => "avx2",
        nb_isa.NB_ISA_AVX512 => "avx512",
        _ => isa.ToString(),
    };
}
