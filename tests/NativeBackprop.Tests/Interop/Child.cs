using System.Diagnostics;
using NUnit.Framework;

namespace NativeBackprop.Tests.Interop;

internal sealed record ChildResult(int ExitCode, string Output, string Error)
{
    /// <summary>What a user sees of a failure: exactly one line, no stack trace.</summary>
    public string ErrorLine
    {
        get
        {
            string[] lines = Error.TrimEnd().Split('\n');
            Assert.That(lines, Has.Length.EqualTo(1), "one line on stderr");
            return lines[0];
        }
    }
}

/// <summary>Runs programs of their own: what is loaded into a process at its start cannot be tried twice in this one.</summary>
internal static class Child
{
    // What a developer's shell may say about the native libraries must not reach a test.
    private static readonly string[] _cleared =
    [
        "OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "OPENBLAS_L2_SIZE",
        "NBP_OPENBLAS_CORETYPE", "NBP_OPENBLAS_PATH", "NBP_NATIVE_PATH", "NBP_FORCE_ISA", "NBP_PRODUCTS", "NBP_DEBUG",
    ];

    /// <summary>Runs the built <c>nbp</c> with these variables set.</summary>
    public static ChildResult Nbp(string[] args, params (string Name, string Value)[] variables) =>
        Run("dotnet", [Path.Combine(AppContext.BaseDirectory, "nbp.dll"), .. args], variables);

    public static ChildResult Run(string program, string[] args, params (string Name, string Value)[] variables)
    {
        var start = new ProcessStartInfo(program, args)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (string name in _cleared)
        {
            start.Environment.Remove(name);
        }

        foreach ((string name, string value) in variables)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new ChildResult(process.ExitCode, output, error.Result);
    }
}
