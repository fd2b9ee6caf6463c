using System.Text.RegularExpressions;
using NativeBackprop.IO;
using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.WorkedExamples;

/// <summary>docs/mathematics.md names every op, and every test that it points to is there.</summary>
public partial class MathematicsPageTests
{
    private static readonly string Page = Repository.Read("docs", "mathematics.md");

    public static IEnumerable<string> Ops => typeof(Op).Assembly.GetTypes()
        .Where(type => type.IsPublic && !type.IsAbstract && type.IsSubclassOf(typeof(Op)))
        .Select(type => type.Name);

    /// <summary>The rows of the tables, spelt as the page spells ops: leaky_relu is LeakyRelu.</summary>
    public static IEnumerable<string> Rows => Functions.All.Select(row => row.Name).Concat(Binary.All.Select(op => op.Name))
        .Select(name => string.Concat(name.Split('_').Select(word => char.ToUpperInvariant(word[0]) + word[1..])));

    public static IEnumerable<string> Pointers => TestName().Matches(Page).Select(match => match.Groups[1].Value).Distinct();

    [TestCaseSource(nameof(Ops))]
    [TestCaseSource(nameof(Rows))]
    public void Every_op_has_its_row(string op) => Assert.That(Page, Does.Contain($"`{op}`"));

    [Test]
    public void Every_loss_has_its_row()
    {
        foreach (string loss in ModelDescription.LossNames)
        {
            Assert.That(Page, Does.Contain($"| `{loss}` |"));
        }
    }

    [TestCaseSource(nameof(Pointers))]
    public void Every_test_pointed_to_is_there(string pointer)
    {
        string[] parts = pointer.Split('.');
        Type? fixture = typeof(MathematicsPageTests).Assembly.GetTypes().SingleOrDefault(type => type.Name == parts[0]);
        Assert.That(fixture, Is.Not.Null);
        Assert.That(fixture!.GetMethod(parts[1])?.GetCustomAttributes(typeof(NUnitAttribute), true), Is.Not.Null.And.Not.Empty);
    }

    [GeneratedRegex("`([A-Za-z0-9]+Tests\\.\\w+)`")]
    private static partial Regex TestName();
}
