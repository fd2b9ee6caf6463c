using System.Diagnostics;
using System.Runtime.InteropServices;

namespace NativeBackprop.Interop;

/// <summary>Looks for a shared library in places, in order, and remembers every place it looked in.</summary>
internal static class LibraryProbe
{
    /// <summary>The folders an application carries its own native libraries in, most specific first.</summary>
    public static IEnumerable<string> AppFolders
    {
        get
        {
            // A plug-in's files lie beside the assembly rather than beside the program that loads it.
            string[] roots = [AppContext.BaseDirectory, AssemblyFolder];
            string[] rids = [RuntimeInformation.RuntimeIdentifier, PortableRid];
            foreach (string root in roots.Where(root => root.Length > 0).Distinct())
            {
                foreach (string rid in rids.Distinct())
                {
                    yield return Path.Combine(root, "runtimes", rid, "native");
                }

                yield return root;
            }
        }
    }

    private static string AssemblyFolder =>
        Path.GetDirectoryName(typeof(LibraryProbe).Assembly.Location) is { Length: > 0 } folder
            ? folder + Path.DirectorySeparatorChar
            : "";

    private static string PortableRid
    {
        get
        {
            string os = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";
            return $"{os}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
        }
    }

    /// <summary>
    /// Loads the first candidate that loads. A candidate that is a full path is tried only if the file is there;
    /// a bare name is left to the operating system's own search.
    /// </summary>
    /// <returns>The handle and the candidate, or (0, "") when none loads.</returns>
    public static (nint Handle, string Name) TryLoad(IEnumerable<string> candidates)
    {
        foreach (string candidate in candidates)
        {
            if ((!Path.IsPathFullyQualified(candidate) || File.Exists(candidate))
                && NativeLibrary.TryLoad(candidate, out nint handle))
            {
                return (handle, candidate);
            }
        }

        return (0, "");
    }

    /// <summary>Loads what an environment variable names: that file, or one of these names in that folder.</summary>
    /// <exception cref="NativeLibraryException">There is no such file, or it cannot be loaded.</exception>
    public static (nint Handle, string Name) LoadExplicit(string variable, string value, IEnumerable<string> fileNames)
    {
        string path = Path.GetFullPath(value);
        if (Directory.Exists(path))
        {
            string[] inside = [.. fileNames.Select(name => Path.Combine(path, name))];
            path = inside.FirstOrDefault(File.Exists) ?? throw new NativeLibraryException(
                $"{variable} names the folder '{path}', which holds none of {string.Join(", ", inside.Select(Path.GetFileName))}.");
        }

        if (!File.Exists(path))
        {
            throw new NativeLibraryException($"{variable} names '{path}', where there is no file.");
        }

        try
        {
            return (NativeLibrary.Load(path), path);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw new NativeLibraryException($"{variable} names '{path}', which does not load: {FirstReason(e.Message)}.", e);
        }
    }

    /// <summary>The file that an export of a loaded library lives in; the name it was loaded by where that cannot be told.</summary>
    public static string PathOf(nint handle, string export, string loadedAs)
    {
        if (!Path.IsPathFullyQualified(loadedAs) && NativeLibrary.TryGetExport(handle, export, out nint address))
        {
            using var process = Process.GetCurrentProcess();
            foreach (ProcessModule module in process.Modules)
            {
                if (address >= module.BaseAddress && address - module.BaseAddress < module.ModuleMemorySize)
                {
                    return module.FileName;
                }
            }
        }

        return loadedAs;
    }

    // The runtime's message lists every variation it tried, a line each. The file exists, so one of those lines
    // is the linker's own reason and the others say that a name derived from it does not exist.
    private static string FirstReason(string message) =>
        message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .FirstOrDefault(line => line.StartsWith('/')
                && !line.Contains("No such file", StringComparison.Ordinal)
                && !line.Contains("no such file", StringComparison.Ordinal))
        ?? "not a shared library of this platform";
}
