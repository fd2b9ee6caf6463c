using System.CommandLine;
using System.CommandLine.Invocation;

namespace NativeBackprop.Cli;

/// <summary>What all commands share: exit codes, one-line errors, Ctrl-C, and whether a person is watching.</summary>
internal static class CliHost
{
    public const int Success = 0;
    public const int Failure = 1;
    public const int WrongUsage = 2;

    private const string Name = "nbp";
    private const string DebugVariable = "NBP_DEBUG";

    // Ctrl-C asks a command to stop at its next step; this long it has to do so and to print its summary.
    private static readonly TimeSpan _stopTimeout = TimeSpan.FromSeconds(20);

    /// <summary>Parses and runs a command line. Nothing is thrown: every outcome is an exit code and at most one line of error.</summary>
    /// <param name="root">The root command, from <c>Program.CreateRoot()</c>.</param>
    /// <param name="args">The command line.</param>
    /// <param name="output">Where results go; the console when null.</param>
    /// <param name="error">Where errors go; the console when null.</param>
    public static async Task<int> RunAsync(RootCommand root, string[] args, TextWriter? output = null, TextWriter? error = null)
    {
        output ??= Console.Out;
        error ??= Console.Error;
        ParseResult result = root.Parse(args);
        if (result.Errors.Count > 0 && result.Action is null or ParseErrorAction)
        {
            // A word that is no command also leaves the command missing; the word is what went wrong.
            string fault = result.UnmatchedTokens is [var token, ..]
                ? $"unrecognized command or argument '{token}'"
                : OneLine(result.Errors[0].Message).TrimEnd('.');
            return Fail(error, $"{fault}; {CommandPath(result)} --help lists what there is", WrongUsage);
        }

        try
        {
            return await result.InvokeAsync(new InvocationConfiguration
            {
                Output = output,
                Error = error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = _stopTimeout,
            });
        }
        catch (OptionException e)
        {
            return Fail(error, OneLine(e.Message), WrongUsage);
        }
        catch (Exception e) when (e is NativeBackpropException or IOException or UnauthorizedAccessException)
        {
            return Fail(error, OneLine(e.Message), Failure);
        }
        catch (OperationCanceledException)
        {
            return Fail(error, "interrupted", Failure);
        }
        catch (Exception e)
        {
            // A mistake of ours. The trace is for whoever reports it, not for whoever meets it.
            string trace = Environment.GetEnvironmentVariable(DebugVariable) is { Length: > 0 }
                ? Environment.NewLine + e
                : $" ({DebugVariable}=1 shows where)";
            return Fail(error, $"unexpected {e.GetType().Name}: {OneLine(e.Message)}{trace}", Failure);
        }
    }

    /// <summary>
    /// Gives a command its body. It runs off the main thread, so that Ctrl-C is seen while it computes; the token
    /// is cancelled by Ctrl-C and by SIGTERM. The writer is where its results go.
    /// </summary>
    public static Command WithAction(this Command command, Func<ParseResult, TextWriter, CancellationToken, int> body)
    {
        command.SetAction((result, token) =>
            Task.Run(() => body(result, result.InvocationConfiguration.Output, token), CancellationToken.None));
        return command;
    }

    /// <summary>Whether what is written there is seen by a person at a terminal, who is served tables and colours.</summary>
    public static bool IsTerminal(TextWriter output) => output == Console.Out && !Console.IsOutputRedirected;

    private static int Fail(TextWriter error, string message, int exitCode)
    {
        error.WriteLine($"{Name}: error: {message}");
        return exitCode;
    }

    private static string OneLine(string message) =>
        string.Join(' ', message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));

    private static string CommandPath(ParseResult result) =>
        result.CommandResult.Command is RootCommand ? Name : $"{Name} {result.CommandResult.Command.Name}";
}
