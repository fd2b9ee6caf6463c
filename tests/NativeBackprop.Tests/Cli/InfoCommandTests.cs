using System.Text.Json;
using NUnit.Framework;
using NativeBackprop.Cli;
using NativeBackprop.Interop;

namespace NativeBackprop.Tests.Cli;

[TestFixture]
internal sealed class InfoCommandTests
{
    private static async Task<(int ExitCode, string Output, string Error)> Nbp(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        int exitCode = await CliHost.RunAsync(Program.CreateRoot(), args, output, error);
        return (exitCode, output.ToString(), error.ToString());
    }

    [Test]
    public async Task Prints_plain_lines_when_piped()
    {
        (int exitCode, string output, string error) = await Nbp("info");
        NativeLibraryInfo info = NativeLibraries.Info;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(exitCode, Is.EqualTo(CliHost.Success));
            Assert.That(error, Is.Empty);
            Assert.That(output, Does.Contain(info.KernelsPath).And.Contain(info.BlasPath ?? "none").And.Contain(info.BlasCore ?? "none")
                .And.Contain(info.ActiveIsa).And.Contain($"{Environment.ProcessorCount} logical processors"));
            Assert.That(output, Does.Match($"Huge pages: .*({HugePages.Mode ?? "not on this system"})"));
            Assert.That(output, Does.Not.Contain('\u001b'));
            Assert.That(output.Split('\n').Count(line => line.StartsWith("warning: ", StringComparison.Ordinal)),
                Is.EqualTo(info.Warnings.Count));
        }
    }

    [Test]
    public async Task Prints_one_json_object()
    {
        (int exitCode, string output, _) = await Nbp("info", "--json");
        NativeLibraryInfo info = NativeLibraries.Info;
        JsonElement json = JsonDocument.Parse(output).RootElement;

        // What there is none of is left out.
        string? Text(string name) => json.TryGetProperty(name, out JsonElement value) ? value.GetString() : null;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(exitCode, Is.EqualTo(CliHost.Success));
            Assert.That(json.GetProperty("cpu").GetString(), Is.Not.Empty);
            Assert.That(json.GetProperty("threads").GetInt32(), Is.EqualTo(Environment.ProcessorCount));
            Assert.That(json.GetProperty("isa").GetString(), Is.EqualTo(info.ActiveIsa));
            Assert.That(json.GetProperty("best_isa").GetString(), Is.EqualTo(info.BestIsa));
            Assert.That(json.GetProperty("kernels_path").GetString(), Is.EqualTo(info.KernelsPath));
            Assert.That(Text("blas_path"), Is.EqualTo(info.BlasPath));
            Assert.That(Text("blas_version"), Is.EqualTo(info.BlasVersion));
            Assert.That(Text("blas_core"), Is.EqualTo(info.BlasCore));
            Assert.That(json.GetProperty("huge_pages").GetString(), Is.EqualTo(HugePages.Mode));
            Assert.That(json.GetProperty("warnings").GetArrayLength(), Is.EqualTo(info.Warnings.Count));
        }
    }

    [TestCase("unrecognized command or argument 'frobnicate'; nbp --help", "frobnicate")]
    [TestCase("unrecognized command or argument '--bogus'; nbp info --help", "info", "--bogus")]
    [TestCase("Required command was not provided; nbp --help")]
    public async Task Wrong_usage_is_one_line_and_exit_code_2(string expected, params string[] args)
    {
        (int exitCode, string output, string error) = await Nbp(args);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(exitCode, Is.EqualTo(CliHost.WrongUsage));
            Assert.That(output, Is.Empty);
            Assert.That(error.TrimEnd().Split('\n'), Has.Length.EqualTo(1));
            Assert.That(error, Does.StartWith("nbp: error: " + expected));
        }
    }

    [Test]
    public async Task Help_of_every_command_succeeds()
    {
        string[][] commands = [[], .. Program.CreateRoot().Subcommands.Select(command => new[] { command.Name })];
        foreach (string[] command in commands)
        {
            (int exitCode, string output, string error) = await Nbp([.. command, "--help"]);
            using (Assert.EnterMultipleScope())
            {
                Assert.That(exitCode, Is.EqualTo(CliHost.Success), string.Join(' ', command));
                Assert.That(output, Does.Contain("--help"));
                Assert.That(error, Is.Empty);
            }
        }
    }
}
