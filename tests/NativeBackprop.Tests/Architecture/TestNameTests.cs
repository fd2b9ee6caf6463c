using System.Reflection;
using NUnit.Framework;
using NUnit.Framework.Interfaces;

namespace NativeBackprop.Tests.Architecture;

/// <summary>
/// The name of a test is a sentence: its words in lower case with underscores between them, the first one capitalised. Proper
/// names keep their letters, and so do methods of the engine.
/// </summary>
[TestFixture]
internal sealed class TestNameTests
{
    private static readonly HashSet<string> _properNames =
    [
        "Adam", "C", "CSharp", "CSV", "Gaussian", "Hessian", "IDX", "Jacobian", "L2", "NaN", "Newton", "NumPy", "OpenBLAS", "PyTorch",
        "SplitMix", "XOR",
    ];

    private static readonly HashSet<string> _methods =
    [
        .. typeof(Graph).Assembly.GetTypes().SelectMany(type => type.GetMethods(DeclaredHere)).Select(method => method.Name),
    ];

    private const BindingFlags DeclaredHere =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    [Test]
    public void Every_test_is_named_by_a_sentence()
    {
        string[] tests =
        [
            .. from type in typeof(TestNameTests).Assembly.GetTypes()
               from method in type.GetMethods(DeclaredHere)
               where method.GetCustomAttributes().Any(attribute => attribute is ITestBuilder or ISimpleTestBuilder)
               select $"{type.Name}.{method.Name}",
        ];
        Assert.That(tests, Has.Length.GreaterThan(700));
        Assert.That(tests.Where(test => !IsSentence(test.Split('.')[1])), Is.Empty);
    }

    /// <summary>The rule itself, tried on names that keep it and that do not.</summary>
    [TestCase("A_step_allocates_nothing", true)]
    [TestCase("NaN_stays_NaN", true)]
    [TestCase("Exit_code_is_2", true)]
    [TestCase("RunRest_needs_a_RunFirst", true)]
    [TestCase("Steps", false)]
    [TestCase("a_step_allocates_nothing", false)]
    [TestCase("A_Step_allocates_nothing", false)]
    [TestCase("Step_AllocatesNothing", false)]
    [TestCase("StepAllocatesNothing", false)]
    [TestCase("A_step__allocates_nothing", false)]
    public void A_sentence_is_known_by_its_words(string name, bool isSentence) => Assert.That(IsSentence(name), Is.EqualTo(isSentence));

    private static bool IsSentence(string name)
    {
        string[] words = name.Split('_');
        return words.Length > 1 && (IsCapitalised(words[0]) || IsName(words[0])) && words[1..].All(word => IsLower(word) || IsName(word));
    }

    private static bool IsCapitalised(string word) =>
        word.Length > 0 && char.IsAsciiLetterUpper(word[0]) && (word.Length == 1 || IsLower(word[1..]));

    private static bool IsLower(string word) => word.Length > 0 && word.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c));

    /// <summary>A method is told from a capitalised word by a capital inside.</summary>
    private static bool IsName(string word) =>
        _properNames.Contains(word) || (_methods.Contains(word) && word.Skip(1).Any(char.IsAsciiLetterUpper));
}
