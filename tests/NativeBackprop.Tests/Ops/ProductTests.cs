using NativeBackprop.Interop;
using NativeBackprop.Ops;
using NativeBackprop.Tests.Execution;
using NativeBackprop.Tests.Interop;
using NUnit.Framework;

namespace NativeBackprop.Tests.Ops;

/// <summary>
/// Random graphs of products (stacks, transposes, sums, bias and activation, updates) by either library: what the reference computes;
/// and by our own the same bits, however the work is split and whatever the instruction set.
/// </summary>
[TestFixture, NonParallelizable]
public sealed class ProductTests
{
    private nb_isa _before;

    [SetUp]
    public void KeepLevel()
    {
        NativeLibraries.EnsureLoaded();
        _before = Kernels.nb_active_isa();
    }

    [TearDown]
    public void RestoreLevel() => Assert.That(Kernels.nb_set_isa(_before), Is.EqualTo(nb_status.NB_OK));

    [Test]
    public void Either_library_computes_what_the_reference_does(
        [Values(ProductLibrary.Own, ProductLibrary.OpenBlas)] ProductLibrary products, [Range(0, 4)] int block)
    {
        if (products == ProductLibrary.OpenBlas)
        {
            OpenBlasPresence.Require();
        }

        for (int i = 0; i < 6; i++)
        {
            ulong seed = (ulong)((block * 6) + i);
            (Net net, Node[] outputs) = Build(seed);
            net.AssertAgrees(outputs, $"{products}, seed {seed}", 1e-5, products);
        }
    }

    [Test]
    public void Own_products_are_the_same_bits_on_any_threads_and_level([Range(0, 3)] int block)
    {
        for (int i = 0; i < 6; i++)
        {
            ulong seed = (ulong)(100 + (block * 6) + i);
            (Net net, Node[] outputs) = Build(seed);
            float[][]? expected = null;
            foreach (nb_isa isa in Enum.GetValues<nb_isa>().Where(isa => isa <= Kernels.nb_best_isa()))
            {
                Assert.That(Kernels.nb_set_isa(isa), Is.EqualTo(nb_status.NB_OK));
                for (int threads = 1; threads <= 3; threads++)
                {
                    using Plan plan = net.Compile(outputs, true, threads, ProductLibrary.Own);
                    float[][] values = net.Values(plan, outputs);
                    expected ??= values;
                    for (int o = 0; o < outputs.Length; o++)
                    {
                        Assert.That(Bits(values[o]).SequenceEqual(Bits(expected[o])), $"seed {seed}, {outputs[o]}, {isa}, {threads}");
                    }
                }
            }
        }
    }

    [TestCase(ProductLibrary.Own, "nb_product_run ")]
    [TestCase(ProductLibrary.OpenBlas, "cblas_sgemm ")]
    public void A_plan_names_the_library_of_each_product_fused_or_not(ProductLibrary products, string call)
    {
        if (products == ProductLibrary.OpenBlas)
        {
            OpenBlasPresence.Require();
        }

        foreach (bool fuse in (bool[])[true, false])
        {
            var net = new Net();
            using Plan plan = net.Compile(Every(net), fuse, 1, products);
            string[] calls = [.. plan.Describe().Steps.Where(step => step.Name.Contains("matmul")).Select(step => step.Call)];
            Assert.That(calls, Has.Length.GreaterThanOrEqualTo(6).And.All.StartsWith(call));
            if (fuse)
            {
                string[] names = [.. plan.Describe().Steps.Select(step => step.Name)];
                Assert.That(calls, Has.Some.Contains("beta=1").And.Some.Contains(" 4 of ").And.Some.Contains("TN").And.Some.Contains("NT"));
                Assert.That(names, Has.Some.Contains("matmul_bias_tanh").And.Some.Contains("sgd"));
            }
        }
    }

    [Test]
    public void A_library_that_does_not_exist_is_refused()
    {
        var net = new Net();
        Node y = net.Input("a", [2, 3]).MatMul(net.Input("b", [3, 2]));
        Assert.That(
            () => net.Graph.Compile([y], new PlanOptions { Products = (ProductLibrary)3 }),
            Throws.TypeOf<OptionException>().With.Message.Contains("must be Auto, OpenBlas or Own, got 3"));
    }

    private static IEnumerable<int> Bits(float[] values) => values.Select(BitConverter.SingleToInt32Bits);

    // One of each form: plain, bias and activation, a stack, a transpose on either side, a sum that accumulates, an update.
    private static Node[] Every(Net net)
    {
        Node x = net.Input("x", [20, 30]), w = net.Variable("w", [30, 40], 0.3f), b = net.Variable("b", [40], 0.3f);
        Node stack = net.Input("stack", [4, 5, 30]), stacked = net.Input("stacked", [4, 30, 6]), rate = net.Input("rate", []);
        Node y = (x.MatMul(w) + b).Tanh();
        Node sum = x.Sin().MatMul(w) + y.MatMul(net.Input("square", [40, 40]));
        Node d = y.MatMul(w, transposeRight: true), dw = x.MatMul(y, transposeLeft: true);
        return [y, sum, stack.MatMul(stacked), stack.MatMul(w), d, net.Graph.Add(new SgdUpdate(0.1f), w, dw, rate)];
    }

    private static (Net Net, Node[] Outputs) Build(ulong seed)
    {
        var net = new Net(seed);
        var random = new RandomSource(seed);
        var outputs = new List<Node>();
        for (int i = 0; i < 5; i++)
        {
            (int m, int n, int k) = (Extent(random), Extent(random), Extent(random));
            bool ta = random.NextInt(2) == 0, tb = random.NextInt(2) == 0;
            int stacks = random.NextInt(4), depth = 1 + random.NextInt(4);
            Node a = Operand(net, $"a{i}", ta ? k : m, ta ? m : k, (stacks & 1) != 0 ? depth : 0);
            Node b = Operand(net, $"b{i}", tb ? n : k, tb ? k : n, (stacks & 2) != 0 ? depth : 0);
            Node product = a.MatMul(b, ta, tb);
            outputs.Add(random.NextInt(5) switch
            {
                0 => (product + net.Variable($"bias{i}", [n])).Tanh(),
                1 => product.Tanh() * product,
                2 => product + a.Tanh().MatMul(b, ta, tb),
                3 when product.Shape.Rank == 2 => net.Graph.Add(
                    new SgdUpdate(random.NextInt(2) * 0.1f), net.Variable($"w{i}", product.Shape), product, net.Input($"rate{i}", [])),
                _ => product,
            });
        }

        return (net, [.. outputs]);
    }

    // Around the tiles and panels; now and then 1, or more than a block of k.
    private static int Extent(RandomSource random) => random.NextInt(10) switch
    {
        0 => 1,
        1 => 250 + random.NextInt(20),
        _ => 2 + random.NextInt(70),
    };

    private static Node Operand(Net net, string name, int rows, int columns, int depth) =>
        net.Input(name, depth > 0 ? [depth, rows, columns] : [rows, columns]);
}
