using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using NativeBackprop.Ops;

namespace NativeBackprop.Cli;

/// <summary>
/// Makes options and arguments whose values are judged while the command line is parsed, so that a wrong one is one line
/// that names the option, what was expected and what was found, and exit code 2.
/// </summary>
internal static class Options
{
    /// <summary>An option with a number; null when it is not given and has no default.</summary>
    public static Option<T?> Number<T>(
        string name, string placeholder, string description, string expected, Func<T, bool> accepts, T? fallback = null)
        where T : struct, ISpanParsable<T>
    {
        var option = new Option<T?>(name)
        {
            HelpName = placeholder,
            Description = description,
            CustomParser = result =>
                Parse(
                    result, expected,
                    text => T.TryParse(text, CultureInfo.InvariantCulture, out T value) && accepts(value) ? value : (T?)null),
        };
        if (fallback is not null)
        {
            option.DefaultValueFactory = _ => fallback;
        }

        return option;
    }

    /// <summary>An option with a whole number of at least 1.</summary>
    public static Option<int?> Count(string name, string description, int? fallback = null) =>
        Number(name, "N", description, "a whole number of at least 1", value => value >= 1, fallback);

    /// <summary>An option with one of some names.</summary>
    public static Option<string> Choice(
        string name, string placeholder, string description, IReadOnlyCollection<string> choices, string fallback)
    {
        string all = string.Join(", ", choices);
        return new Option<string>(name)
        {
            HelpName = placeholder,
            Description = $"{description}: {all}",
            DefaultValueFactory = _ => fallback,
            CustomParser = result => Parse(result, $"one of {all}", text => choices.Contains(text) ? text : null),
        };
    }

    /// <summary>An option with a text, mostly a path.</summary>
    public static Option<string?> Text(string name, string placeholder, string description, bool required = false) =>
        new(name) { HelpName = placeholder, Description = description, Required = required };

    /// <summary>An option that is there or not.</summary>
    public static Option<bool> Flag(string name, string description) => new(name) { Description = description };

    /// <summary><c>--threads</c>.</summary>
    public static Option<int?> Threads() => Number<int>(
        "--threads", "N", "Threads that run a step; 0 lets the amount of work decide", $"a whole number in 0..{PlanOptions.MaxThreads}",
        value => value is >= 0 and <= PlanOptions.MaxThreads, 0);

    /// <summary><c>--products</c>.</summary>
    public static Option<string> Products() =>
        Choice("--products", "LIBRARY", "What computes the matrix products", ["auto", "openblas", "own"], "auto");

    /// <summary>The library that <c>--products</c> names.</summary>
    public static ProductLibrary Library(string products) => ProductRule.Named(products)!.Value;

    /// <summary><c>--seed</c>.</summary>
    public static Option<ulong?> Seed(string description) =>
        Number<ulong>("--seed", "N", description, "a whole number in 0..2^64-1", _ => true, 0);

    /// <summary>Reads one value; adds the error when there is none.</summary>
    public static T? Parse<T>(ArgumentResult result, string expected, Func<string, T?> parse)
    {
        string text = result.Tokens.Count > 0 ? result.Tokens[^1].Value : "";
        T? value = parse(text);
        if (value is null)
        {
            string name = result.Parent is OptionResult option ? option.Option.Name : result.Argument.Name;
            result.AddError($"{name}: expected {expected}, got '{text}'");
        }

        return value;
    }

    /// <summary>Refuses two options at once.</summary>
    public static void RefuseBoth(ParseResult result, Option first, Option second)
    {
        if (IsGiven(result, first) && IsGiven(result, second))
        {
            throw new OptionException($"{first.Name} and {second.Name} exclude each other: expected one of them, got both");
        }
    }

    /// <summary>Whether the option stands on the command line itself.</summary>
    public static bool IsGiven(ParseResult result, Option option) => result.GetResult(option) is { Implicit: false };
}
