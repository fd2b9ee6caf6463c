using System.Text.Json;
using NativeBackprop.Cli.Bench;
using NativeBackprop.Layers;
using NUnit.Framework;

namespace NativeBackprop.Tests.Cli;

/// <summary>The networks of <c>nbp bench</c> are those of its PyTorch peers, and their products are counted by hand.</summary>
[TestFixture]
internal sealed class WorkloadTests
{
    [TestCase("medium", 2 * 128 * ((3 * ((784 * 512) + (512 * 256) + (256 * 10))) - (784 * 512)))]
    [TestCase("latency", 2 * ((784 * 512) + (512 * 256) + (256 * 10)))]
    [TestCase("lenet", 144_890_880)]
    [TestCase("cnn", 7_361_249_280)]
    [TestCase("resnet", 7_807_819_776)]
    [TestCase("lstm", 807_895_040)]
    [TestCase("gru", 606_044_160)]
    [TestCase("chars", 4_227_858_432)]
    public void Flops_count_two_for_every_multiply_add_of_the_products(string row, long flops) =>
        Assert.That(Workload.Find(row).Flops, Is.EqualTo((double)flops));

    [TestCase("lenet", 61_706)]
    [TestCase("cnn", 288_746)]
    [TestCase("resnet", 272_474)]
    [TestCase("lstm", 82_186)]
    [TestCase("gru", 61_962)]
    [TestCase("chars", 350_272)]
    public void Networks_have_as_many_parameters_as_those_of_PyTorch(string row, int count)
    {
        Sequential model = Workload.Find(row).CreateModel();
        Assert.That(model.Parameters.Size, Is.EqualTo(count));
    }

    [Test]
    public void Products_of_a_step_are_in_its_order()
    {
        IEnumerable<string> products = new ProductList().Recurrence(2, 3, 5, 7, 4).Linear(2, 7, 6).All.Select(product =>
            $"{(product.TransposeA ? 'T' : 'N')}{(product.TransposeB ? 'T' : 'N')} {product.M}x{product.N}x{product.K}");
        string[] expected =
        [
            "NN 6x28x5", "NN 2x28x7", "NN 2x28x7", "NN 2x28x7", "NN 2x6x7",
            "NT 2x7x6", "TN 7x6x2", "NT 2x7x28", "NT 2x7x28", "NT 2x7x28", "TN 7x28x6", "TN 5x28x6",
        ];
        Assert.That(products, Is.EqualTo(expected));
    }

    [Test]
    public void The_first_layer_has_no_gradient_of_its_input_unless_an_embedding_stands_before_it()
    {
        int after = new ProductList().AfterEmbedding().Recurrence(2, 3, 5, 7, 4).All.Count;
        Assert.That(after, Is.EqualTo(new ProductList().Recurrence(2, 3, 5, 7, 4).All.Count + 1));
    }

    [Test]
    public void Operands_of_one_name_share_the_memory_of_the_longest()
    {
        using var products = new BareProducts(Workload.Find("lenet"), 2, ProductLibrary.Own);
        products.Measure();
        Assert.That(products.BestMicroseconds, Is.GreaterThan(0).And.LessThan(double.PositiveInfinity));
    }

    [Test]
    public void A_measured_row_says_what_the_backward_pass_keeps()
    {
        string json = Nbp.Succeed("bench", "--rows", "gru", "--optimizer", "sgd", "--threads", "1", "--rounds", "1", "--json");
        JsonElement row = JsonDocument.Parse(json).RootElement.GetProperty("rows")[0];
        long kept = row.GetProperty("kept_bytes").GetInt64(), states = 28 * 64 * 128 * sizeof(float);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(kept, Is.GreaterThan(4 * states).And.LessThan(row.GetProperty("arena_bytes").GetInt64()));
            Assert.That(row.GetProperty("flops").GetDouble(), Is.EqualTo(606_044_160));
        }
    }
}
