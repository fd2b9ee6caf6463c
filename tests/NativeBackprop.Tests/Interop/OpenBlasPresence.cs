using NativeBackprop.Interop;
using NUnit.Framework;

namespace NativeBackprop.Tests.Interop;

/// <summary>For tests of what is there, and of what is not, when OpenBLAS is missing.</summary>
internal static class OpenBlasPresence
{
    /// <summary>Skips the test on a machine without OpenBLAS.</summary>
    public static void Require()
    {
        if (!NativeLibraries.HasBlas)
        {
            Assert.Ignore("there is no OpenBLAS on this machine");
        }
    }

    /// <summary>
    /// A variable that hides OpenBLAS from a child process: the loader comes upon files of its names that are no libraries first.
    /// </summary>
    public static (string Name, string Value) Hidden()
    {
        string folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "no-openblas");
        Directory.CreateDirectory(folder);
        foreach (string name in (string[])["libopenblas.so.0", "libopenblas.so", "libopenblasp.so.0"])
        {
            File.WriteAllText(Path.Combine(folder, name), "");
        }

        return ("LD_LIBRARY_PATH", folder);
    }
}
