using NativeBackprop.Cli.Bench;
using NUnit.Framework;

namespace NativeBackprop.Tests.Cli;

[TestFixture]
internal sealed class FmaPeakTests
{
    [TestCase(1)]
    [TestCase(3)]
    public void Peak_counts_the_multiply_adds_of_every_thread(int threads)
    {
        using ThreadTeam? team = threads > 1 ? new ThreadTeam(threads) : null;
        Assert.That(FmaPeak.Measure(team), Is.GreaterThan(0.1).And.LessThan(1e6));
    }
}
