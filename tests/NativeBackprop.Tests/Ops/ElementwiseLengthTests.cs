using NativeBackprop.Interop;
using NUnit.Framework;

namespace NativeBackprop.Tests.Ops;

/// <summary>
/// Every length from 0 to 257, so that every tail of every vector width is met, at each instruction set that the machine has. The level
/// belongs to the whole process: nothing else may run meanwhile, and it is put back.
/// </summary>
[TestFixtureSource(nameof(Levels))]
[NonParallelizable]
internal sealed class ElementwiseLengthTests(string level)
{
    private nb_isa _before;

    public static IEnumerable<string> Levels
    {
        get
        {
            NativeLibraries.EnsureLoaded();
            return Enum.GetValues<nb_isa>().Where(isa => isa <= Kernels.nb_best_isa()).Select(KernelLibrary.IsaName);
        }
    }

    private static IEnumerable<OpRow> Rows => [.. OpTable.ElementwiseRows, .. OpTable.BinaryRows];

    [OneTimeSetUp]
    public void SelectLevel()
    {
        _before = Kernels.nb_active_isa();
        nb_isa isa = Enum.GetValues<nb_isa>().Single(isa => KernelLibrary.IsaName(isa) == level);
        Assert.That(Kernels.nb_set_isa(isa), Is.EqualTo(nb_status.NB_OK));
        Assert.That(Kernels.nb_active_isa(), Is.EqualTo(isa));
    }

    [OneTimeTearDown]
    public void RestoreLevel() => Assert.That(Kernels.nb_set_isa(_before), Is.EqualTo(nb_status.NB_OK));

    [TestCaseSource(nameof(Rows))]
    public void EveryLength_AgreesWithTheReference(object source)
    {
        var row = (OpRow)source;
        for (int length = 0; length <= 257; length++)
        {
            OpRow flat = row with { Operands = [.. row.Operands.Select(operand => operand with { Shape = n => [n] })] };
            var example = new OpCase(flat, length, 1, (ulong)length);
            Node[] nodes = [example.Result, .. example.Gradients];
            ReferenceEvaluator reference = example.Reference().Run(nodes);
            float[][] actual = example.Run(nodes);
            for (int i = 0; i < nodes.Length; i++)
            {
                Assert.That(Norms.Error(actual[i], reference[nodes[i]]), Is.LessThanOrEqualTo(1e-5), $"{nodes[i]} of length {length}");
            }
        }
    }

    [TestCaseSource(typeof(OpTable), nameof(OpTable.Rows))]
    public void EveryRow_AgreesWithTheReference(object source)
    {
        var row = (OpRow)source;
        foreach (int size in (int[])[3, 16, 37, 70])
        {
            if (row.Operands.Length == 0 || (row.Operands.Length > 1 && row.Operands[1].Classes > 0) || row.Name == "slice")
            {
                continue;
            }

            var example = new OpCase(row, size, 5);
            Node[] nodes = [example.Result, .. example.Gradients];
            ReferenceEvaluator reference = example.Reference().Run(nodes);
            float[][] actual = example.Run(nodes);
            for (int i = 0; i < nodes.Length; i++)
            {
                Assert.That(Norms.Error(actual[i], reference[nodes[i]]), Is.LessThanOrEqualTo(1e-5), $"{nodes[i]} of size {size}");
            }
        }

        var small = new OpCase(row, 5, 3);
        ReferenceEvaluator expected = small.Reference().Run(small.All);
        Assert.That(small.Run(small.All).Zip(small.All, (x, node) => Norms.Error(x, expected[node])), Is.All.LessThanOrEqualTo(1e-5));
    }
}
