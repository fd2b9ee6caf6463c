namespace NativeBackprop.Interop;

/// <summary>Where OpenBLAS may be, and what to do when it is not.</summary>
internal static class OpenBlasLocator
{
    /// <summary>An explicit place for OpenBLAS: a file, or a folder that holds it. Nothing else is tried then.</summary>
    public const string PathVariable = "NBP_OPENBLAS_PATH";

    private const string OsRelease = "/etc/os-release";

    /// <summary>The one command that installs OpenBLAS on this platform, as a sentence.</summary>
    public static string InstallHint => $"Install it with: {InstallCommand}";

    // Fedora's threaded build has a name of its own.
    private static string[] FileNames =>
        OperatingSystem.IsWindows() ? ["libopenblas.dll", "openblas.dll"]
        : OperatingSystem.IsMacOS() ? ["libopenblas.dylib", "libopenblas.0.dylib"]
        : ["libopenblas.so.0", "libopenblas.so", "libopenblasp.so.0"];

    private static string[] HomebrewFolders =>
        OperatingSystem.IsWindows() ? []
        : OperatingSystem.IsMacOS() ? ["/opt/homebrew/opt/openblas/lib", "/usr/local/opt/openblas/lib"]
        : ["/home/linuxbrew/.linuxbrew/opt/openblas/lib"];

    private static string InstallCommand =>
        OperatingSystem.IsWindows() ? "dotnet add package OpenBlasSharp.Windows"
        : OperatingSystem.IsMacOS() ? "brew install openblas"
        : Distribution() switch
        {
            "debian" => "sudo apt-get install libopenblas0-pthread",
            "fedora" => "sudo dnf install openblas-threads",
            "arch" => "sudo pacman -S openblas",
            "alpine" => "sudo apk add openblas",
            "suse" => "sudo zypper install libopenblas_pthreads0",
            _ => "your package manager's OpenBLAS, the pthreads build",
        };

    /// <summary>Finds and loads OpenBLAS: explicit path, the application's own files, the system's names, Homebrew.</summary>
    /// <exception cref="NativeLibraryException">No candidate loads; the message lists every one that was tried.</exception>
    /// <exception cref="NativeLibraryException">The explicit path does not load.</exception>
    public static (nint Handle, string Name) Find()
    {
        if (NativeEnvironment.Get(PathVariable) is { } path)
        {
            try
            {
                return LibraryProbe.LoadExplicit(PathVariable, path, FileNames);
            }
            catch (NativeLibraryException e)
            {
                throw new NativeLibraryException($"OpenBLAS was not loaded: {e.Message} {InstallHint}", e.InnerException);
            }
        }

        return FindAmong([.. InFolders(LibraryProbe.AppFolders), .. FileNames, .. InFolders(HomebrewFolders)]);
    }

    /// <summary>Loads the first candidate that loads.</summary>
    /// <exception cref="NativeLibraryException">None does; the message lists them all.</exception>
    public static (nint Handle, string Name) FindAmong(string[] candidates)
    {
        (nint Handle, string Name) found = LibraryProbe.TryLoad(candidates);
        return found.Handle != 0
            ? found
            : throw new NativeLibraryException(
                $"OpenBLAS was not found; tried {string.Join(", ", candidates)}. {InstallHint}");
    }

    private static IEnumerable<string> InFolders(IEnumerable<string> folders) =>
        folders.SelectMany(folder => FileNames.Select(name => Path.Combine(folder, name)));

    private static string Distribution()
    {
        if (!File.Exists(OsRelease))
        {
            return "";
        }

        // ID names the distribution, ID_LIKE those it derives from, nearest first.
        string[] ids =
        [
            .. File.ReadLines(OsRelease)
                .Where(line => line.StartsWith("ID=", StringComparison.Ordinal) || line.StartsWith("ID_LIKE=", StringComparison.Ordinal))
                .SelectMany(line => line[(line.IndexOf('=') + 1)..].Trim('"').Split(' ')),
        ];
        return new[] { "debian", "fedora", "arch", "alpine", "suse" }.FirstOrDefault(ids.Contains)
            ?? (ids.Contains("ubuntu") ? "debian" : ids.Contains("rhel") ? "fedora" : "");
    }
}
