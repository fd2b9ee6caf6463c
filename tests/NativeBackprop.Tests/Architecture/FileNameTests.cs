using NUnit.Framework;

namespace NativeBackprop.Tests.Architecture;

/// <summary>A file is named after a type that it declares, `Type.cs`; each further part of a partial type is `Type.Part.cs`.</summary>
[TestFixture]
internal sealed class FileNameTests
{
    /// <summary>The files that declare no type of their name, and why.</summary>
    private static readonly Dictionary<string, string> _exceptions = new()
    {
        ["src/NativeBackprop/Interop/DisableRuntimeMarshalling.cs"] = "an attribute of the assembly",
        ["src/NativeBackprop/Execution/FusedOperations.cs"] = "a family that is read together: what the rules put in",
        ["src/NativeBackprop/Ops/Activations.cs"] = "a family: the functions of one table",
        ["tests/NativeBackprop.Tests/Soundness/UserTypes.cs"] = "a family: one small type for each that a user may derive from",
        ["benchmarks/NativeBackprop.Benchmarks/Program.cs"] = "statements of the program itself",
    };

    private static readonly string[] _folders = ["src", "tests", "benchmarks"];

    [Test]
    public void Every_file_is_named_after_a_type_in_it()
    {
        List<string> misnamed =
            [.. _folders.SelectMany(Sources).Where(path => !IsNamedAfterItsType(Path.GetFileName(path), Repository.Read(path)))];
        Assert.That(misnamed, Is.EquivalentTo(_exceptions.Keys));
    }

    /// <summary>The rule itself, tried on names that keep it and that do not.</summary>
    [TestCase("Plan.cs", "class Plan { }", true)]
    [TestCase("Plan.cs", "enum Mode { } partial class Plan { }", true)]
    [TestCase("Plan.Run.cs", "partial class Plan { }", true)]
    [TestCase("PlanRun.cs", "partial class Plan { }", false)]
    [TestCase("Plan.Run.cs", "class Plan { }", false)]
    [TestCase("Plans.cs", "class Plan { }", false)]
    [TestCase("Plan.cs", "", false)]
    public void A_file_is_known_by_what_it_declares(string name, string text, bool isNamedAfterIt) =>
        Assert.That(IsNamedAfterItsType(name, text), Is.EqualTo(isNamedAfterIt));

    private static bool IsNamedAfterItsType(string name, string text)
    {
        string[] parts = name.Split('.');
        bool isDeclared = new SourceFile(name, "", text).DeclaredTypes().Contains(parts[0]);
        return isDeclared && (parts.Length == 2 || text.Contains($"partial class {parts[0]}", StringComparison.Ordinal));
    }

    private static IEnumerable<string> Sources(string folder) =>
        Directory.EnumerateFiles(Repository.PathOf(folder), "*.cs", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Repository.Root, path).Replace('\\', '/'))
            .Where(path => !path.Contains("/bin/", StringComparison.Ordinal) && !path.Contains("/obj/", StringComparison.Ordinal));
}
