using NUnit.Framework;

namespace NativeBackprop.Tests.Architecture;

/// <summary>
/// Data flows one way: a folder of src/NativeBackprop uses only folders to its left. The sources themselves are read,
/// so that a name in a comment or a string does not count and a finding has its line.
/// </summary>
/// <remarks>What it cannot see is a call of an extension member, which names no type.</remarks>
[TestFixture]
internal sealed class LayeringTests
{
    private static readonly string[] _order =
        ["Interop", "Memory", "Tensors", "Graph", "Ops", "Differentiation", "Execution", "Layers"];

    /// <summary>What each folder may use, besides itself and the files at the root.</summary>
    private static readonly Dictionary<string, string[]> _allowed = Allowed();

    private static Dictionary<string, string[]> Allowed()
    {
        Dictionary<string, string[]> allowed = [];
        for (int i = 0; i < _order.Length; i++)
        {
            allowed[_order[i]] = _order[..i];
        }

        allowed["Data"] = ["Memory", "Tensors"];
        allowed["Losses"] = _order;
        allowed["Optimizers"] = _order;
        allowed["Training"] = [.. _order, "Losses", "Optimizers", "Data"];
        allowed["IO"] = [.. allowed["Training"], "Training"];
        allowed["Diagnostics"] = [.. allowed["IO"], "IO"];
        return allowed;
    }

    private static List<SourceFile> Sources()
    {
        string root = Repository.PathOf("src", "NativeBackprop");
        return
        [
            .. Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
                .Select(path => Path.GetRelativePath(root, path).Replace('\\', '/'))
                .Where(path => !path.StartsWith("bin/", StringComparison.Ordinal) && !path.StartsWith("obj/", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal)
                .Select(path => new SourceFile(path, FolderOf(path), File.ReadAllText(Path.Combine(root, path)))),
        ];
    }

    private static string FolderOf(string path) => path.Contains('/') ? path[..path.IndexOf('/')] : "";

    private static List<string> Violations(IReadOnlyList<SourceFile> files)
    {
        ILookup<string, string> foldersOf = files
            .SelectMany(file => file.DeclaredTypes().Distinct().Select(type => (Type: type, file.Folder)))
            .ToLookup(pair => pair.Type, pair => pair.Folder);
        List<string> found = [];
        foreach (SourceFile file in files.Where(file => file.Folder.Length > 0))
        {
            HashSet<string> reachable = [file.Folder, "", .. _allowed.GetValueOrDefault(file.Folder, [])];
            HashSet<string> forbidden = [.. foldersOf.Where(type => !type.Any(reachable.Contains)).Select(type => type.Key)];
            found.AddRange(file.Mentions(forbidden).Select(token =>
                $"{file.Path}({token.Line}): {file.Folder} uses {token.Text} of {string.Join(", ", foldersOf[token.Text].Distinct())}"));
            IEnumerable<Token> beyond = file.Namespaces()
                .Where(token => _allowed.ContainsKey(token.Text) && !reachable.Contains(token.Text));
            found.AddRange(beyond.Select(token =>
                $"{file.Path}({token.Line}): {file.Folder} uses the namespace of {token.Text}"));
        }

        return found;
    }

    [Test]
    public void Folders_use_only_folders_to_their_left() => Assert.That(Violations(Sources()), Is.Empty);

    [Test]
    public void Every_folder_has_its_place() =>
        Assert.That(Sources().Select(file => file.Folder).Where(folder => folder.Length > 0).Distinct(), Is.SubsetOf(_allowed.Keys));

    /// <summary>The rule itself, tried on sources that break it in every way a type can be mentioned.</summary>
    [TestCase("var a = new Above();")]
    [TestCase("var a = new Above<float>(1);")]
    [TestCase("Above a = Make();")]
    [TestCase("Above? a = null;")]
    [TestCase("Above[] a = [];")]
    [TestCase("Above<int> a = Make();")]
    [TestCase("Above.Make();")]
    [TestCase("List<Above> a = [];")]
    [TestCase("Dictionary<int, Above> a = [];")]
    [TestCase("var a = (Above)b;")]
    [TestCase("if (b is Above) { }")]
    [TestCase("var a = b as Above;")]
    [TestCase("var a = typeof(Above);")]
    [TestCase("var a = $\"{Above.Name} and {{text}}\";")]
    [TestCase("var a = $\"\"\"{new Above()}\"\"\";")]
    [TestCase("} void F(int n, Above a) {")]
    [TestCase("} Above F() {")]
    [TestCase("} sealed class Inner : Above {")]
    [TestCase("} sealed class Inner : Left, Above {")]
    [TestCase("} sealed class Inner<T> where T : Above {")]
    [TestCase("var a = b switch { Above => 1, _ => 0 };")]
    [TestCase("NativeBackprop.Layers.Make();")]
    [TestCase("var a = NativeBackprop.Above;")]
    public void Finds_every_use_of_a_type_of_a_folder_to_the_right(string statement) =>
        Assert.That(Violations(Example(statement)), Has.Count.GreaterThan(0).And.Some.StartsWith("Memory/Left.cs(4): Memory uses "));

    /// <summary>The same word where it is no type.</summary>
    [TestCase("// new Above()")]
    [TestCase("/* Above a; */")]
    [TestCase("var a = \"new Above()\";")]
    [TestCase("var a = @\"a \"\" new Above()\";")]
    [TestCase("var a = \"\"\"new Above()\"\"\";")]
    [TestCase("var a = $\"Above {b} Above.X {{Above.Y}}\";")]
    [TestCase("list.Above(1);")]
    [TestCase("var a = list.Above;")]
    [TestCase("Above(1);")]
    [TestCase("Call(Above: 1);")]
    [TestCase("var a = Kind.Above;")]
    [TestCase("var a = new Options { Above = 1 };")]
    [TestCase("return b ? Above(1) : Above(2);")]
    [TestCase("} enum Kind { Below, Above, Beside } void G() {")]
    [TestCase("} int Above => 3; void G() {")]
    [TestCase("var a = '\"'; var b = 'x'; // Above c;")]
    public void Overlooks_a_word_that_is_no_type(string statement) => Assert.That(Violations(Example(statement)), Is.Empty);

    private static SourceFile[] Example(string statement) =>
    [
        new("Memory/Left.cs", "Memory", $"class Left\n{{\n    void F()\n    {{ {statement} }}\n}}\n"),
        new(
            "Layers/Above.cs", "Layers",
            "namespace NativeBackprop;\n\npublic sealed record Above(int Value);\npublic delegate void Event<T>(T value);\n"),
    ];

    [Test]
    public void Declared_types_are_all_kinds()
    {
        const string source = """
            namespace N;
            public class A<T> where T : class, new() { private struct B { } }
            interface C { } enum D { X } record E(int Y); record struct F; readonly record struct G { }
            delegate int H(int x); internal delegate*<int> I; delegate System.Func<int> J<T>(T x);
            """;
        Assert.That(new SourceFile("x.cs", "", source).DeclaredTypes(), Is.EquivalentTo(["A", "B", "C", "D", "E", "F", "G", "H", "J"]));
    }

    [TestCase("cblas_sgemm", "Cblas.cs", "Gemm.cs")]
    [TestCase("nb_product_run_f32", "Kernels.cs", "NativeProduct.cs")]
    public void Products_have_one_caller(string function, string binding, string caller)
    {
        string root = Repository.PathOf("src");
        string[] named =
        [
            .. Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
                .Where(path => File.ReadAllText(path).Contains(function, StringComparison.Ordinal))
                .Select(path => Path.GetRelativePath(root, path).Replace('\\', '/')),
        ];
        Assert.That(named, Is.EquivalentTo([$"NativeBackprop/Interop/Generated/{binding}", $"NativeBackprop/Ops/{caller}"]));
    }
}
