using System.Runtime.InteropServices;

namespace NativeBackprop.Interop;

/// <summary>
/// The environment as C libraries see it. On Unix .NET's environment is a copy made at start-up, and
/// <see cref="Environment.SetEnvironmentVariable(string, string?)"/> does not reach <c>getenv</c>.
/// </summary>
internal static unsafe partial class NativeEnvironment
{
    /// <summary>A variable of the host's; null when it is unset or empty.</summary>
    public static string? Get(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

    /// <summary>Sets a variable where <c>getenv</c> of a library loaded from now on finds it; null removes it.</summary>
    public static void Set(string name, string? value)
    {
        if (!OperatingSystem.IsWindows())
        {
            _ = value is null ? unsetenv(name) : setenv(name, value, 1);
            return;
        }

        // A library built with MinGW reads the copy that its C runtime made when the process started.
        Environment.SetEnvironmentVariable(name, value);
        foreach (string runtime in (ReadOnlySpan<string>)["msvcrt.dll", "ucrtbase.dll"])
        {
            if (NativeLibrary.TryLoad(runtime, out nint handle)
                && NativeLibrary.TryGetExport(handle, "_putenv_s", out nint putenv))
            {
                nint nameText = Marshal.StringToCoTaskMemUTF8(name);
                nint valueText = Marshal.StringToCoTaskMemUTF8(value ?? "");
                _ = ((delegate* unmanaged[Cdecl]<nint, nint, int>)putenv)(nameText, valueText);
                Marshal.FreeCoTaskMem(nameText);
                Marshal.FreeCoTaskMem(valueText);
            }
        }
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int setenv(string name, string value, int overwrite);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int unsetenv(string name);
}
