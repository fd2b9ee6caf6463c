using NativeBackprop.Interop;
using NativeBackprop.Tests.Interop;
using NUnit.Framework;

namespace NativeBackprop.Tests.Soundness;

/// <summary>
/// Random sequences of public calls, with any arguments, in processes of their own on guarded memory: no crash, no hang, no exception that
/// is not typed, nothing written beside a value (DESIGN.md 5b).
/// </summary>
[TestFixture, NonParallelizable]
[Platform("Linux")]
internal sealed class SoundnessTests
{
    [Test]
    public void Any_sequence_of_public_calls_is_sound() => AssertSound(first: 1, count: 20_000);

    /// <summary>Hours of it, with other sequences every day.</summary>
    [Test, Explicit]
    public void Any_long_run_of_sequences_is_sound() => AssertSound(first: DateTime.UtcNow.DayOfYear * 1_000_000, count: 500_000);

    [Test]
    public void Write_of_one_element_too_many_in_CSharp_is_found() => AssertFound((PlantedOp.Variable, "op"));

    [Test]
    public void Write_of_one_element_too_many_in_C_is_found()
    {
        // The library as it is, but for one kernel: what asks for it finds the one in front.
        string library = StubLibrary.Compile(
            """
            #include <stddef.h>
            void nb_add_f32(const float *a, size_t inc_a, const float *b, size_t inc_b, size_t n, float *c)
            {
                for (size_t i = 0; i <= n; i++)
                {
                    c[i] = a[i * inc_a] + b[i * inc_b];
                }
            }
            """,
            NativeLibraries.Info.KernelsPath);
        AssertFound((KernelLibrary.PathVariable, library));
    }

    private static void AssertFound((string Name, string Value) variable)
    {
        var exploration = new Exploration(variable) { StopsAtDamage = true };
        exploration.Run(first: 1, count: 5000, processes: 1);
        Assert.That(exploration.Damages, Is.Not.Empty, exploration.Summary);
    }

    private static void AssertSound(int first, int count)
    {
        var exploration = new Exploration();
        exploration.Run(first, count);
        TestContext.Out.WriteLine(exploration.Summary());
        IGrouping<string, Finding>[] kinds = [.. exploration.Findings.GroupBy(finding => $"{finding.Member} {finding.What}").Take(20)];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(kinds, Is.Empty, () => string.Join("\n\n", kinds.Select(kind => $"{kind.Count()} times, first {kind.First()}")));
            Assert.That(exploration.Sequences, Is.EqualTo(count));
            Assert.That(exploration.Reached, Is.GreaterThanOrEqualTo(0.9), "share of the public members that were called");
        }
    }
}
