using NUnit.Framework;

namespace NativeBackprop.Tests.Architecture;

/// <summary>What we throw of .NET's own types is made in one place, by which it is told from what a user's code throws.</summary>
[TestFixture]
internal sealed class RefusalTests
{
    [Test]
    public void Exceptions_that_pass_through_a_users_code_are_made_in_one_place()
    {
        string root = Repository.PathOf("src", "NativeBackprop");
        string[] makers =
        [
            .. Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
                .Where(path => MakesOne(File.ReadAllText(path))).Select(path => Path.GetFileName(path)),
        ];

        // A stream of ours refuses to be written to as the contract of streams has it, and is never a user's to call.
        Assert.That(makers, Is.EquivalentTo(new[] { "Refusal.cs", "GzipContent.cs" }));
    }

    private static bool MakesOne(string text)
    {
        List<Token> tokens = CSharpLexer.Read(text);
        for (int i = 1; i < tokens.Count; i++)
        {
            string word = tokens[i].Text, before = tokens[i - 1].Text, after = i + 1 < tokens.Count ? tokens[i + 1].Text : "";
            if (word is "InvalidOperationException" or "NotSupportedException" or "ObjectDisposedException"
                && (before == "new" || after == "." || IsTargetTyped(tokens, i)))
            {
                return true;
            }
        }

        return false;
    }

    // A member of that type whose expression is new(...).
    private static bool IsTargetTyped(List<Token> tokens, int i)
    {
        int arrow = tokens.FindIndex(i, token => token.Text is "=>" or ";" or "{");
        return arrow >= 0 && tokens[arrow].Text == "=>" && tokens[arrow + 1].Text == "new" && tokens[arrow + 2].Text == "(";
    }
}
