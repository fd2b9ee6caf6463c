using System.Text.Json;
using NativeBackprop.Cli;
using NUnit.Framework;

namespace NativeBackprop.Tests.Cli;

/// <summary>Runs the command line in this process.</summary>
internal static class Nbp
{
    public static (int ExitCode, string Output, string Error) Run(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        int exitCode = CliHost.RunAsync(Program.CreateRoot(), args, output, error).GetAwaiter().GetResult();
        return (exitCode, output.ToString(), error.ToString());
    }

    /// <summary>Runs what must succeed and say nothing on stderr; returns what it prints.</summary>
    public static string Succeed(params string[] args)
    {
        (int exitCode, string output, string error) = Run(args);
        Assert.That((exitCode, error), Is.EqualTo((CliHost.Success, "")), string.Join(' ', args));
        return output;
    }

    /// <summary>Runs what must fail with one line on stderr; returns that line.</summary>
    public static string Fail(int expectedCode, params string[] args)
    {
        (int exitCode, _, string error) = Run(args);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(exitCode, Is.EqualTo(expectedCode), error);
            Assert.That(error, Does.StartWith("nbp: error: ").And.EndsWith(Environment.NewLine));
            Assert.That(error.TrimEnd().Split('\n'), Has.Length.EqualTo(1));
        }

        return error;
    }

    public static JsonElement[] ReadLog(string path) =>
        [.. File.ReadAllLines(path).Select(line => JsonDocument.Parse(line).RootElement)];

    public static string[] Keys(JsonElement json) => [.. json.EnumerateObject().Select(property => property.Name)];
}
