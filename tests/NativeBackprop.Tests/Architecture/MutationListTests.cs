using System.Text.RegularExpressions;
using NUnit.Framework;

namespace NativeBackprop.Tests.Architecture;

/// <summary>
/// The lists of mistakes in tests/mutation follow the code: each text that a mistake replaces stands once in its file. That the tests
/// notice the mistakes is for mutate.py to show, which takes hours.
/// </summary>
[TestFixture]
internal sealed partial class MutationListTests
{
    private static readonly string[] _keys = ["name", "file", "find", "replace", "tests"];

    [TestCase("convolution.toml")]
    [TestCase("managed.toml")]
    [TestCase("native.toml")]
    [TestCase("recurrence.toml")]
    [TestCase("images.toml")]
    public void Every_mistake_can_be_made(string list)
    {
        List<Dictionary<string, string>> mistakes = Mistakes(Repository.Read("tests", "mutation", list));
        Assert.That(mistakes, Has.Count.GreaterThan(10));
        Assert.That(mistakes.Select(mistake => mistake["name"]), Is.Unique);
        Assert.That(mistakes.Where(mistake => !IsFoundOnce(mistake)).Select(mistake => mistake["name"]), Is.Empty);
        Assert.That(mistakes.Where(mistake => mistake["find"] == mistake["replace"]).Select(mistake => mistake["name"]), Is.Empty);
    }

    [TestCase("""find = "a \"b\"\n" """, "a \"b\"\n")]
    [TestCase("find = \"\"\"a\n  \"b\" \\\\ \"\"\"", "a\n  \"b\" \\ ")]
    public void Texts_are_read_with_their_escapes(string row, string text) => Assert.That(Row(row)["find"], Is.EqualTo(text));

    private static bool IsFoundOnce(Dictionary<string, string> mistake)
    {
        string file = Repository.PathOf(mistake["file"]);
        return File.Exists(file) && Regex.Count(Repository.Read(mistake["file"]), Regex.Escape(mistake["find"])) == 1;
    }

    private static List<Dictionary<string, string>> Mistakes(string toml)
    {
        List<Dictionary<string, string>> mistakes = [.. toml.Split("[[mutation]]\n")[1..].Select(Row)];
        Assert.That(mistakes, Has.All.Matches<Dictionary<string, string>>(mistake => _keys.All(mistake!.ContainsKey)));
        return mistakes;
    }

    private static Dictionary<string, string> Row(string text) => KeyAndText().Matches(text).ToDictionary(
        match => match.Groups["key"].Value,
        match => Escape().Replace(match.Groups["long"].Success ? match.Groups["long"].Value : match.Groups["short"].Value, Unescaped));

    // As much of TOML as the lists use: strings in one or in three quotation marks, with the escapes that they need.
    private static string Unescaped(Match escape) => escape.Value switch
    {
        "\\n" => "\n",
        "\\\"" => "\"",
        "\\\\" => "\\",
        var other => throw new FormatException($"the escape {other} is not known"),
    };

    [GeneratedRegex("^(?<key>[a-z]+) = (?:\"\"\"(?<long>(?s:.*?))\"\"\"|\"(?<short>(?:[^\"\\\\\n]|\\\\.)*)\")", RegexOptions.Multiline)]
    private static partial Regex KeyAndText();

    [GeneratedRegex(@"\\.")]
    private static partial Regex Escape();
}
