using NativeBackprop.Interop;
using NativeBackprop.Ops;
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

    private static IEnumerable<Elementwise> Functions =>
        [new Relu(), new Tanh(), new Gelu(), new Softplus(2), new LeakyRelu(0.1f), new Abs()];

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
    public void Every_length_agrees_with_the_reference(object source)
    {
        var row = (OpRow)source;
        for (int length = 0; length <= 257; length++)
        {
            OpRow flat = row with { Operands = [.. row.Operands.Select(operand => operand with { Shape = n => [n] })] };
            var example = new OpCase(flat, length, 1, (ulong)length);
            AssertMatchesReference(example, [example.Result, .. example.Gradients], $"length {length}");
        }
    }

    [TestCaseSource(typeof(OpTable), nameof(OpTable.Rows))]
    public void Every_row_agrees_with_the_reference(object source)
    {
        var row = (OpRow)source;
        foreach (int size in (int[])[3, 16, 37, 70])
        {
            if (row.Operands.Length == 0 || (row.Operands.Length > 1 && row.Operands[1].Classes > 0) || row.Name == "slice")
            {
                continue;
            }

            var example = new OpCase(row, size, 5);
            AssertMatchesReference(example, [example.Result, .. example.Gradients], $"size {size}");
        }

        var small = new OpCase(row, 5, 3);
        AssertMatchesReference(small, small.All, "size 5");
    }

    [TestCaseSource(nameof(Functions))]
    public void A_layer_of_every_width_and_its_bias_gradient_agree_with_the_reference(object source)
    {
        var function = (Elementwise)source;
        var row = new OpRow(function.Name, typeof(Elementwise), (_, x) => (x[0].MatMul(x[1]) + x[2]).Apply(function),
            OpTable.Of(
                Domains.Normal, _ => [Shape.Batch, 3]), OpTable.Of(Domains.Normal, n => [3, n]), OpTable.Of(Domains.Normal, n => [n]));
        for (int width = 1; width <= 150; width++)
        {
            var example = new OpCase(row, width, 6, (ulong)width);
            Node[] nodes = [example.Result, .. example.Gradients];
            using (Plan plan = example.Compile(nodes))
            {
                Assert.That(plan.Kernels.Select(kernel => kernel.Step.Operation.Name), Does.Contain($"matmul_bias_{function.Name}")
                    .And.Contain($"{function.Name}_gradient_bias_sum"));
            }

            AssertMatchesReference(example, nodes, $"width {width}");
        }
    }

    [Test]
    public void The_maximum_of_every_width_with_ties_routes_the_gradient_as_the_reference([Values(0, 1, 2)] int axis)
    {
        static void Few(Span<float> values, RandomSource random)
        {
            foreach (ref float value in values)
            {
                value = random.NextInt(3);
            }
        }

        var row = new OpRow("max", typeof(Max), (_, x) => x[0].Max(axis),
            OpTable.Of(Few, n => axis == 0 ? [4, 1, n] : axis == 1 ? [2, 4, n] : [3, 1, n]));
        for (int width = 1; width <= 70; width++)
        {
            var example = new OpCase(row, width, 1, (ulong)width);
            AssertMatchesReference(example, example.All, $"width {width}");
        }
    }

    private static void AssertMatchesReference(OpCase example, Node[] nodes, string what)
    {
        ReferenceEvaluator reference = example.Reference().Run(nodes);
        float[][] actual = example.Run(nodes);
        for (int i = 0; i < nodes.Length; i++)
        {
            Assert.That(Norms.Error(actual[i], reference[nodes[i]]), Is.LessThanOrEqualTo(1e-5), $"{nodes[i]}, {what}");
        }
    }
}
