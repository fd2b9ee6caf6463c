using System.Text.RegularExpressions;
using System.Xml.Linq;
using NUnit.Framework;

namespace NativeBackprop.Tests.Soundness;

/// <summary>What the library shows to its users, written down: a change of it is a change of a file that a reviewer reads.</summary>
[TestFixture]
internal sealed class SurfaceTests
{
    /// <summary>Set to 1, the written surface is replaced by the one that there is.</summary>
    private const string WriteVariable = "NBP_TEST_WRITE_SURFACE";

    private static readonly string _file = Repository.PathOf("tests", "NativeBackprop.Tests", "Soundness", "PublicSurface.txt");

    [Test]
    public void Public_surface_is_the_one_that_is_written_down()
    {
        string surface = string.Concat(Surface.Lines().Select(line => line + "\n"));
        if (Environment.GetEnvironmentVariable(WriteVariable) == "1")
        {
            File.WriteAllText(_file, surface);
        }

        Assert.That(surface, Is.EqualTo(File.ReadAllText(_file).ReplaceLineEndings("\n")),
            $"What users see has changed. If that is meant: {WriteVariable}=1 dotnet test tests/NativeBackprop.Tests -c Release "
            + "--filter FullyQualifiedName~SurfaceTests writes the file anew");
    }

    [Test]
    public void Every_public_type_is_used()
    {
        HashSet<string> words = [.. Readable().SelectMany(text => Regex.Matches(text, @"\w+").Select(match => match.Value))];
        words.UnionWith(Thrown());
        string[] unused =
        [
            .. Surface.Types.Where(type => !words.Contains(Regex.Match(type.Name, @"\w+").Value))
                .Where(type => !IsNamedByAnother(type) && !Extends(type, words))
                .Select(Surface.Text),
        ];
        Assert.That(unused, Is.Empty, $"named by no sample, document or other public member: {string.Join(", ", unused)}");
    }

    // The exceptions that the documentation of members names.
    private static IEnumerable<string> Thrown() => XDocument.Load(Path.ChangeExtension(Surface.Library.Location, ".xml"))
        .Descendants("exception").Select(exception => ((string?)exception.Attribute("cref") ?? "").Split('.')[^1]);

    private static IEnumerable<string> Readable()
    {
        yield return Repository.Read("README.md");
        foreach (string path in Directory.EnumerateFiles(Repository.PathOf("docs"), "*.md", SearchOption.AllDirectories)
            .Concat(Directory.EnumerateFiles(Repository.PathOf("samples"), "*.cs", SearchOption.AllDirectories)))
        {
            yield return File.ReadAllText(path);
        }
    }

    private static bool IsNamedByAnother(Type type) => Catalogue.All.Any(call =>
        call.Declaring != type && (Names(call.Result, type) || call.Inputs.Any(input => input.Name != "this" && Names(input.Type, type))))
        || Surface.Types.Any(other => other != type && other.BaseType == type);

    private static bool Names(Type signature, Type type) => signature == type
        || (signature.HasElementType && Names(signature.GetElementType()!, type))
        || (signature.IsGenericType && signature.GetGenericTypeDefinition() == type)
        || (signature.IsGenericType && Array.Exists(signature.GetGenericArguments(), part => Names(part, type)));

    // The classes that hold extension members are named by nobody; their members are.
    private static bool Extends(Type type, HashSet<string> words) => type.IsAbstract && type.IsSealed
        && Catalogue.All.Where(call => call.Declaring == type).Any(call => call.Name.StartsWith("op_", StringComparison.Ordinal)
            || words.Contains(call.Name.Replace("get_", "", StringComparison.Ordinal)));
}
