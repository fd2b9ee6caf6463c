using NUnit.Framework;
using NativeBackprop.Tests.Interop;

namespace NativeBackprop.Tests.Samples;

/// <summary>The examples of README are the samples' sources to the letter, and do what README says.</summary>
[TestFixture]
internal sealed class ReadmeTests
{
    [TestCase("QuickStart", "outputs -?0.00 1.00 1.00 -?0.00")]
    [TestCase("Gradients", @"f = -12, d = \(-4, -4, 3\)")]
    public void Shows_a_sample_that_runs(string sample, string output)
    {
        string source = Repository.Read("samples", sample, "Program.cs").Trim();
        Assert.That(Repository.Read("README.md"), Does.Contain($"```csharp\n{source}\n```"));
        Assert.That(Run(sample), Does.Match(output));
    }

    [Test]
    public void A_gate_written_by_hand_switches_its_inputs() =>
        Assert.That(Run("CustomOp"), Does.Contain("x.y = 7, dx = (-4, 5), dy = (2, 3)"));

    [Test]
    public void A_block_that_stands_twice_has_one_set_of_weights()
    {
        string output = Run("SharedBlock");
        Assert.That(output, Does.Contain("6 parameters under 8 names, 105 numbers; shared: True"));
        Assert.That(output, Does.Match(@"loss \d\.\d\d\d at first, 0\.00\d after 300 steps"));
    }

    [Test]
    public void Two_towers_learn_by_one_cost() => Assert.That(Run("TwoTowers"), Does.Contain("after 1000 steps; learnt: True"));

    [Test]
    public void Eight_threads_are_answered_by_published_versions_only() =>
        Assert.That(Run("Serving"), Does.Match(@"^[1-9]\d* answers by 8 threads from ([2-9]|\d\d) of 51 versions, 0 from none"));

    [Test]
    public void A_frozen_base_stays_as_it_was_while_a_new_head_learns()
    {
        string output = Run("FrozenBase");
        Assert.That(output, Does.Match("xor: loss 0\\.00") & Does.Match("and: loss 0\\.00"));
        Assert.That(output, Does.Contain("base as it was, bit for bit: True; head moved: True"));
    }

    [Test]
    public void Names_folders_that_exist()
    {
        string[] folders = [
            "Graph", "Ops", "Differentiation", "Execution", "Layers", "Losses", "Optimizers", "Training", "Data", "IO", "Diagnostics",
            "Interop", "Memory", "Tensors"];
        string readme = Repository.Read("README.md");
        foreach (string folder in folders)
        {
            Assert.That(Directory.Exists(Repository.PathOf("src", "NativeBackprop", folder)), folder);
            Assert.That(readme, Does.Contain($"{folder}`"));
        }

        Assert.That(
            Directory.EnumerateDirectories(Repository.PathOf("src", "NativeBackprop")).Select(Path.GetFileName).Except(["bin", "obj"]),
            Is.EquivalentTo(folders));
    }

    private static string Run(string sample)
    {
        // bin/<configuration>/<framework>, the same for the sample as for these tests.
        string[] place = AppContext.BaseDirectory.Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries)[^2..];
        ChildResult result = Child.Run("dotnet", [Repository.PathOf("samples", sample, "bin", place[0], place[1], $"{sample}.dll")]);
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        return result.Output;
    }
}
