using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Ops;

/// <summary>Beside the rows of the table: images that are cut into pieces, the bits for any number of threads, and refusals.</summary>
[TestFixture]
internal sealed class ConvolutionTests
{
    private static readonly ConvolutionAxis Same3 = new(3, 1, 1, 1), Half3 = new(3, 2, 1, 1);

    public static IEnumerable<TestCaseData> Pieces =>
    [
        new TestCaseData(new ConvolutionGeometry(Same3, Same3), new Shape[] { [2, 61, 47, 33] }, 20).SetArgDisplayNames("stride 1"),
        new TestCaseData(new ConvolutionGeometry(Half3, Half3), new Shape[] { [2, 62, 47, 33] }, 65).SetArgDisplayNames("stride 2"),
        new TestCaseData(new ConvolutionGeometry(new(3), new(3)), new Shape[] { [2, 61, 47, 33] }, 7).SetArgDisplayNames("in place"),
        new TestCaseData(new ConvolutionGeometry(Same3, Half3, 64), new Shape[] { [2, 37, 47, 64] }, 64).SetArgDisplayNames("depthwise"),
        new TestCaseData(new ConvolutionGeometry(Same3, Same3), new Shape[] { [1, 3, 5000, 8] }, 5).SetArgDisplayNames("very wide"),
        new TestCaseData(new ConvolutionGeometry(Half3, ConvolutionAxis.None), new Shape[] { [2, 7001, 20] }, 9)
            .SetArgDisplayNames("long signals"),
        new TestCaseData(new ConvolutionGeometry(Same3, Same3), new Shape[] { [3, 4, 4, 300] }, 400).SetArgDisplayNames("wide products"),
    ];

    [TestCaseSource(nameof(Pieces))]
    public void Pieces_of_images_agree_with_the_reference_and_have_the_same_bits_for_any_threads(object source, Shape[] input, int outputs)
    {
        var geometry = (ConvolutionGeometry)source;
        var graph = new Graph();
        Shape weights = input[0].Rank == 4
            ? [geometry.Y.Kernel, geometry.X.Kernel, input[0][-1] / geometry.Groups, outputs]
            : [geometry.Y.Kernel, input[0][-1] / geometry.Groups, outputs];
        Node x = graph.Input("x", input[0]), w = graph.Input("w", weights), dy = graph.Input("dy", geometry.Output(input[0], weights));
        Node[] results =
        [
            graph.Add(new Convolution(geometry), x, w),
            graph.Add(ConvolutionInputGradient.For(geometry, input[0]), dy, w),
            graph.Add(new ConvolutionWeightGradient(geometry), x, dy),
        ];
        var random = new RandomSource(3);
        Dictionary<Node, float[]> values = [];
        foreach (Node leaf in (Node[])[x, w, dy])
        {
            values.Add(leaf, new float[leaf.Shape.Length]);
            Domains.Normal(values[leaf], random);
        }

        var reference = new ReferenceEvaluator(graph);
        foreach ((Node leaf, float[] numbers) in values)
        {
            reference.Set(leaf, numbers);
        }

        reference.Run(results);
        float[][]? first = null;
        foreach (int threads in (int[])[1, 2, 3])
        {
            using Plan plan = graph.Compile(results, new PlanOptions { Threads = threads, ExactThreads = true });
            foreach ((Node leaf, float[] numbers) in values)
            {
                plan.Bind(leaf, numbers);
            }

            plan.Run();
            float[][] actual = [.. results.Select(result => plan[result].ToArray())];
            first ??= actual;
            for (int i = 0; i < results.Length; i++)
            {
                Assert.That(Norms.Error(actual[i], reference[results[i]]), Is.LessThanOrEqualTo(1e-5), $"{results[i]}, {threads} threads");
                Assert.That(actual[i].AsSpan().SequenceEqual(first[i]), Is.True, $"{results[i]}, {threads} threads: other bits");
            }
        }
    }

    [Test]
    public void A_kernel_larger_than_its_padded_input_is_refused() => AssertRefused(
        new(new(5, 1, 0, 1, 2), new(3)), [2, 6, 6, 3], [5, 3, 3, 4],
        "a kernel of 5, 9 wide with a dilation of 2, is larger than its input of 7 (with 0 + 1 zeros around 6)");

    [Test]
    public void Channels_that_groups_do_not_divide_are_refused()
    {
        AssertRefused(new(new(1), new(1), 2), [2, 6, 6, 4], [1, 1, 2, 3], "2 groups do not divide 3 output channels");
        AssertRefused(new(new(1), new(1), 2), [2, 6, 6, 3], [1, 1, 2, 4], "2 groups do not divide 3 input channels");
    }

    [Test]
    public void Shapes_that_do_not_fit_are_refused()
    {
        var geometry = new ConvolutionGeometry(Same3, Same3);
        AssertRefused(geometry, [2, 6, 6], [3, 3, 4], "expected an input of images [B, H, W, C], got [2, 6, 6]");
        AssertRefused(geometry, [2, 6, 6, 3], [3, 4, 3, 4], "expected weights [3, 3, channels/groups, outputs], got [3, 4, 3, 4]");
        AssertRefused(geometry, [2, 6, Shape.Batch, 3], [3, 3, 3, 4], "expected an input of images");
        AssertRefused(geometry, [2, 6, 6, 5], [3, 3, 3, 4], "must have 3 channels for weights [3, 3, 3, 4]");
    }

    [Test]
    public void Gradients_of_another_geometry_are_refused()
    {
        var geometry = new ConvolutionGeometry(Half3, Half3);
        var graph = new Graph();
        Node dy = graph.Input("dy", [2, 3, 3, 4]), w = graph.Input("w", [3, 3, 2, 4]), x = graph.Input("x", [2, 9, 9, 2]);
        Assert.That(
            () => graph.Add(new ConvolutionInputGradient(geometry, 8, 6), dy, w),
            Throws.TypeOf<ShapeException>().With.Message.Contains("gives [2, 4, 3, 4], not [2, 3, 3, 4]"));
        Assert.That(
            () => graph.Add(new ConvolutionWeightGradient(geometry), x, dy),
            Throws.TypeOf<ShapeException>().With.Message.Contains("gives [2, 5, 5, 4], not [2, 3, 3, 4]"));
    }

    [TestCase(0, 1, 0, 1, 1, "kernel must be at least 1, got 0")]
    [TestCase(1, 0, 0, 1, 1, "stride must be at least 1, got 0")]
    [TestCase(1, 1, -1, 1, 1, "padding must be at least 0, got -1")]
    [TestCase(1, 1, 0, 0, 1, "dilation must be at least 1, got 0")]
    [TestCase(1, 1, 0, 1, 0, "groups must be at least 1, got 0")]
    public void Options_outside_their_domain_are_refused(int kernel, int stride, int padding, int dilation, int groups, string message) =>
        Assert.That(
            () => new ConvolutionGeometry(new(kernel, stride, padding, padding, dilation), ConvolutionAxis.None, groups),
            Throws.TypeOf<OptionException>().With.Message.Contains(message));

    [Test]
    public void Sizes_that_no_memory_holds_are_refused()
    {
        const int huge = int.MaxValue;
        AssertRefused(new(new(1, huge, huge, huge), new(1)), [1, 1, 1, 1], [1, 1, 1, 1], "has more than 2147483647 elements");
        AssertRefused(new(new(huge, 1, 0, 0, huge), new(1)), [1, 1, 1, 1], [huge, 1, 1, 1], "is larger than its input of 1");
    }

    [TestCase(0, 4, 3, 2)]
    [TestCase(2, 0, 3, 2)]
    [TestCase(2, 4, 0, 2)]
    [TestCase(2, 4, 3, 0)]
    public void Empty_extents_give_zeros_or_nothing(int batch, int height, int channels, int outputs)
    {
        var geometry = new ConvolutionGeometry(Same3, Same3);
        var graph = new Graph();
        Shape images = [batch, height, 5, channels], weights = [3, 3, channels, outputs];
        Shape results = geometry.Output(height == 0 ? [batch, 1, 5, channels] : images, weights);
        Node x = graph.Input("x", images), w = graph.Input("w", weights), dy = graph.Input("dy", results);
        if (height == 0)
        {
            Assert.That(() => graph.Add(new Convolution(geometry), x, w), Throws.TypeOf<ShapeException>());
            return;
        }

        Node[] nodes =
        [
            graph.Add(new Convolution(geometry), x, w), graph.Add(ConvolutionInputGradient.For(geometry, images), dy, w),
            graph.Add(new ConvolutionWeightGradient(geometry), x, dy),
        ];
        using Plan plan = graph.Compile(nodes);
        foreach (Node leaf in (Node[])[x, w, dy])
        {
            plan.Bind(leaf, Enumerable.Repeat(1f, leaf.Shape.Length).ToArray());
        }

        plan.Run();
        Assert.That(nodes.SelectMany(node => plan[node].ToArray()), Is.All.Zero);
    }

    private static void AssertRefused(ConvolutionGeometry geometry, Shape input, Shape weights, string message)
    {
        var graph = new Graph();
        Node x = graph.Input("x", input), w = graph.Input("w", weights);
        Assert.That(
            () => graph.Add(new Convolution(geometry), x, w), Throws.TypeOf<ShapeException>().With.Message.Contains(message));
    }
}
