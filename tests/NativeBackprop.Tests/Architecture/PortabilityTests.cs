using System.Text.RegularExpressions;
using NUnit.Framework;

namespace NativeBackprop.Tests.Architecture;

/// <summary>Nothing on the way to a weight calls the C library's mathematics, whose last bits differ from one system to the next.</summary>
[TestFixture]
internal sealed class PortabilityTests
{
    private static readonly HashSet<string> _owners = ["Math", "MathF", "double", "float", "Double", "Single", "Complex", "Vector"];

    private static readonly HashSet<string> _functions =
        [
            "Acos", "AcosPi", "Acosh", "Asin", "AsinPi", "Asinh", "Atan", "Atan2", "Atan2Pi", "AtanPi", "Atanh", "Cbrt", "Cos", "CosPi",
            "Cosh", "DegreesToRadians", "Exp", "Exp10", "Exp10M1", "Exp2", "Exp2M1", "ExpM1", "Hypot", "Log", "Log10", "Log10P1", "Log2",
            "Log2P1", "LogP1", "Pow", "RootN", "Sin", "SinCos", "SinCosPi", "SinPi", "Sinh", "Tan", "TanPi", "Tanh",
        ];

    // Files that may, and why.
    private static readonly Dictionary<string, string> _allowed = new()
    {
        ["Ops/Functions.cs"] = "the double-precision reference of the elementwise functions",
        ["Ops/RowLoss.cs"] = "the double-precision reference of the losses",
        ["Ops/LogSumExp.cs"] = "the double-precision reference",
        ["Ops/Softmax.cs"] = "the double-precision reference",
        ["Ops/AdamCorrections.cs"] = "the double-precision reference",
        ["Ops/Precise.cs"] = "functions of the double-precision references",
        ["Differentiation/Lanczos.cs"] = "rotations of eigenvectors that are shown, of which nothing is trained",
    };

    private static readonly string[] _exactInC = ["fabs", "fabsf", "sqrt", "sqrtf", "copysignf"];

    [Test]
    public void Only_references_and_reports_call_elementary_functions_of_the_runtime()
    {
        string root = Repository.PathOf("src");
        string[] callers = [.. Sources(root, "*.cs").Where(path => Calls(File.ReadAllText(path)))
            .Select(path => Path.GetRelativePath(Path.Combine(root, "NativeBackprop"), path).Replace('\\', '/')).Order()];
        Assert.That(callers, Is.EqualTo(_allowed.Keys.Order()));
    }

    [Test]
    public void Kernels_call_functions_of_the_C_library_only_where_their_results_are_exact()
    {
        string root = Repository.PathOf("native", "src");
        var known = new Regex(@"(?<![\w.>])(a?(sin|cos|tan)h?|atan2|exp|exp2|expm1|log|log2|log10|log1p|pow|cbrt|hypot|erfc?|[lt]gamma"
            + @"|fabs|fmax|fmin|fmod|floor|ceil|trunc|rint|round|nearbyint|ldexp|frexp|fma|sqrt|copysign)f?\(");
        string[] called = [.. new[] { "*.c", "*.h", "*.inl" }.SelectMany(pattern => Sources(root, pattern))
            .SelectMany(path => known.Matches(WithoutComments(File.ReadAllText(path))).Select(match => match.Value[..^1]))
            .Distinct()];
        Assert.That(called, Is.Not.Empty.And.SubsetOf(_exactInC));
    }

    // What is fused, merged, ordered and placed decides what is rounded.
    [Test]
    public void No_rewriting_of_a_program_asks_what_machine_it_is_for()
    {
        string folder = Repository.PathOf("src", "NativeBackprop", "Execution");
        string[] rewriting =
        [
            .. Directory.EnumerateFiles(folder, "*Rule.cs"),
            .. ((string[])["Fusion", "Lowering", "Placement", "Rewriter", "StepOrder", "SumTree"])
                .Select(name => Path.Combine(folder, $"{name}.cs")),
        ];
        HashSet<string> machine =
        [
            "Threads", "ExactThreads", "Team", "ProcessorCount", "NativeLibraries", "Kernels", "OpenBlasCores", "ProductRule", "nb_isa",
            "Vector", "Vector256", "Vector512", "Environment", "NativeEnvironment", "CostModel",
        ];
        Assert.That(rewriting, Has.Length.GreaterThan(10));
        Assert.That(rewriting.SelectMany(path => CSharpLexer.Read(File.ReadAllText(path)).Where(token => machine.Contains(token.Text))
            .Select(token => $"{Path.GetFileName(path)}({token.Line}): {token.Text}")), Is.Empty);
    }

    [TestCase("double y = Math.Exp(x);", true)]
    [TestCase("Func<double, double> f = System.MathF.Log;", true)]
    [TestCase("using static System.Math;", true)]
    [TestCase("float y = float.Pow(x, 2);", true)]
    [TestCase("double y = Math.Sqrt(Math.Abs(x)); // Math.Exp", false)]
    [TestCase("Node y = x.Exp();", false)]
    public void Calls_are_found(string statement, bool isCall) => Assert.That(Calls(statement), Is.EqualTo(isCall));

    private static bool Calls(string source)
    {
        string[] words = [.. CSharpLexer.Read(source).Select(token => token.Text)];
        for (int i = 0; i + 2 < words.Length; i++)
        {
            bool isCall = _owners.Contains(words[i]) && words[i + 1] == "." && _functions.Contains(words[i + 2]);
            if (isCall
                || (words[i] == "using" && words[i + 1] == "static" && words.Skip(i).TakeWhile(word => word != ";").Any(_owners.Contains)))
            {
                return true;
            }
        }

        return false;
    }

    private static IEnumerable<string> Sources(string root, string pattern) =>
        Directory.EnumerateFiles(root, pattern, SearchOption.AllDirectories)
            .Where(path => Path.GetRelativePath(root, path).Split(Path.DirectorySeparatorChar) is var folders
                && !folders.Contains("obj") && !folders.Contains("bin"));

    private static string WithoutComments(string source) => Regex.Replace(source, @"/\*.*?\*/|//[^\n]*", "", RegexOptions.Singleline);
}
