using System.Text.RegularExpressions;
using System.Xml.Linq;
using NativeBackprop.Tests.Soundness;
using NUnit.Framework;

namespace NativeBackprop.Tests.Architecture;

/// <summary>The public surface is what a user needs, no more, and says of each type which threads may use it.</summary>
[TestFixture]
internal sealed class PublicSurfaceTests
{
    // Some sixty of them are layers, losses and optimizers, one for each that model files name.
    private const int MostTypes = 150;

    /// <summary>The sentences there are; what else there is to say follows in sentences of its own.</summary>
    private static readonly string[] _sentences =
    [
        "immutable; any threads may use it at once",
        "any threads may use it at once(, [^.;]+)?",
        "for one thread at a time(; a second one is refused)?",
        "as that of [^.;]+",
    ];

    // A line may end between any two words.
    private static readonly Regex _threadSafety = new(
        $@"^Thread safety: ({string.Join('|', _sentences)})\.".Replace(" ", @"\s", StringComparison.Ordinal), RegexOptions.Multiline);

    [Test]
    public void The_library_has_no_more_public_types_than_it_needs() => Assert.That(
        Surface.Types, Has.Count.LessThanOrEqualTo(MostTypes), string.Join('\n', Surface.Types.Select(Surface.Text)));

    [Test]
    public void Every_public_type_documents_its_thread_safety()
    {
        Dictionary<string, string> documentation = Documentation();
        IEnumerable<Type> silent =
            Surface.Types.Where(type => !SaysWhichThreads(documentation.GetValueOrDefault(type.FullName!.Replace('+', '.'), "")));
        Assert.That(silent.Select(Surface.Text), Is.Empty);
    }

    /// <summary>The rule itself, tried on documentation that keeps it and that does not.</summary>
    [TestCase("", false)]
    [TestCase("Safe on any thread.", false)]
    [TestCase("Thread safety: ", false)]
    [TestCase("Thread safety: immutable.", false)]
    [TestCase("Thread safety: for two threads at a time.", false)]
    [TestCase("An option. Thread safety: for one thread at a time.", false)]
    [TestCase("Thread safety: immutable; any threads may use it at once.", true)]
    [TestCase("Thread safety: any threads may use it at once, as long as nobody writes. Training does.", true)]
    [TestCase("Thread safety: for one thread at a time; a second one is refused.", true)]
    [TestCase("Thread safety: as that of its owner.", true)]
    [TestCase("An option.\n    Thread safety: for one thread\n    at a time.", true)]
    public void Thread_safety_is_said_in_a_standard_sentence_at_the_start_of_a_line(string text, bool isSaid) =>
        Assert.That(SaysWhichThreads(text), Is.EqualTo(isSaid));

    private static bool SaysWhichThreads(string text) =>
        _threadSafety.IsMatch(string.Join('\n', text.Split('\n', StringSplitOptions.TrimEntries)));

    /// <summary>What the compiler wrote beside the library, by the name of the type.</summary>
    private static Dictionary<string, string> Documentation() => XDocument
        .Load(Path.ChangeExtension(Surface.Library.Location, ".xml"), LoadOptions.PreserveWhitespace)
        .Descendants("member")
        .Select(member => (Name: member.Attribute("name")!.Value, Text: member.Value))
        .Where(member => member.Name.StartsWith("T:", StringComparison.Ordinal))
        .ToDictionary(member => member.Name[2..], member => member.Text);
}
