using System.CommandLine;
using NUnit.Framework;
using NativeBackprop.Cli;

namespace NativeBackprop.Tests.Cli;

[TestFixture]
internal sealed class CliHostTests
{
    private static readonly TestCaseData[] _failures =
    [
        new(new DataException("two\n   lines"), CliHost.Failure, "nbp: error: two lines"),
        new(new NativeLibraryException("no library"), CliHost.Failure, "nbp: error: no library"),
        new(new FileNotFoundException("no such file 'a.csv'"), CliHost.Failure, "nbp: error: no such file 'a.csv'"),
        new(new UnauthorizedAccessException("may not read 'a.csv'"), CliHost.Failure, "nbp: error: may not read 'a.csv'"),
        new(new OptionException("--lr must be above 0, is -1"), CliHost.WrongUsage, "nbp: error: --lr must be above 0, is -1"),
        new(new OperationCanceledException(), CliHost.Failure, "nbp: error: interrupted"),
        new(
            new InvalidOperationException("a mistake"), CliHost.Failure,
            "nbp: error: unexpected InvalidOperationException: a mistake (NBP_DEBUG=1 shows where)"),
    ];

    private static async Task<(int ExitCode, string Output, string Error)> Run(Func<ParseResult, TextWriter, CancellationToken, int> body)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var root = new RootCommand("A test.") { new Command("go", "Runs the body.").WithAction(body) };
        int exitCode = await CliHost.RunAsync(root, ["go"], output, error);
        return (exitCode, output.ToString(), error.ToString());
    }

    [TestCaseSource(nameof(_failures))]
    public async Task Exception_becomes_one_line_and_an_exit_code(Exception exception, int expectedCode, string expectedLine)
    {
        (int exitCode, string output, string error) = await Run((_, _, _) => throw exception);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(exitCode, Is.EqualTo(expectedCode));
            Assert.That(output, Is.Empty);
            Assert.That(error, Is.EqualTo(expectedLine + Environment.NewLine));
        }
    }

    [Test]
    public async Task Exit_code_and_output_are_the_commands_own()
    {
        (int exitCode, string output, string error) = await Run((_, writer, _) =>
        {
            writer.Write("result");
            return CliHost.Failure;
        });
        Assert.That((exitCode, output, error), Is.EqualTo((CliHost.Failure, "result", "")));
    }
}
