using NativeBackprop.Ops;
using static NativeBackprop.Tests.Ops.Domains;

namespace NativeBackprop.Tests.Ops;

/// <summary>Rows for convolutions and their two gradients, which are one another's gradients, with every option.</summary>
internal static class ConvolutionTable
{
    private static readonly ConvolutionAxis Same3 = new(3, 1, 1, 1), Half3 = new(3, 2, 1, 1);

    public static IEnumerable<OpRow> Rows =>
    [
        .. Of("with padding", new(Same3, Same3), [5, 6, 3], Some),
        .. Of("without padding", new(new(3), new(2)), [5, 6, 3], Some),
        .. Of("with stride 2", new(Half3, Half3), [5, 6, 3], Some),
        .. Of("with a stride beyond its kernel", new(new(2, 3), new(1, 3, 1, 0)), [5, 7, 3], Some),
        .. Of("dilated", new(new(3, 1, 2, 2, 2), new(2, 2, 1, 1, 3)), [5, 6, 3], Some),
        .. Of("in groups", new(Same3, Half3, 2), [3, 5, 6], n => 2 * Some(n)),
        .. Of("in groups of one channel each", new(Same3, Same3, 3), [4, 3, 3], n => 3 * Some(n)),
        .. Of("depthwise", new(Same3, Half3, 37), [5, 6, 37], _ => 37),
        .. Of("depthwise with strides", new(Half3, new(2, 3), 5), [5, 6, 5], _ => 5),
        .. Of("of one pixel", new(new(1), new(1)), [3, 4, 9], Some),
        .. Of("of one pixel with stride 2", new(new(1, 2), new(1, 2)), [3, 4, 9], Some),
        .. Of("with an even kernel and more padding at the end", new(new(2, 1, 0, 1), new(4, 1, 1, 2)), [5, 6, 3], Some),
        .. Of("with padding at the end alone", new(new(2, 1, 0, 1), new(3)), [5, 6, 3], Some),
        .. Of("with padding beyond its kernel", new(new(2, 1, 3, 2), new(1, 1, 0, 3)), [2, 2, 3], Some),
        .. Of("of single pixels", new(Same3, Same3), [1, 1, 9], Some),
        .. Of("that sees the whole image", new(new(4), new(5)), [4, 5, 2], Some),
        .. Of("of signals", new(Half3, ConvolutionAxis.None), [9, 4], Some),
        .. Of("of signals in groups", new(new(4, 1, 1, 2, 2), ConvolutionAxis.None, 2), [9, 4], n => 2 * Some(n)),
    ];

    private static int Some(int n) => Math.Min(n, 37);

    private static IEnumerable<OpRow> Of(string name, ConvolutionGeometry geometry, int[] image, Func<int, int> outputs)
    {
        Shape x = [Shape.Batch, .. image];
        RowOperand input = OpTable.Of(Normal, _ => x), weights = OpTable.Of(Normal, Weights), gradient = OpTable.Of(Normal, Result);
        yield return OpTable.Row($"convolution {name}", new Convolution(geometry), input, weights);
        yield return OpTable.Row($"convolution_input_gradient {name}", ConvolutionInputGradient.For(geometry, x), gradient, weights);

        // What is split is a gradient's rows, or its columns where it has a row for each place of the kernel alone.
        bool isSerial = geometry.Groups == image[^1] && outputs(515) == image[^1]
            ? image[^1] <= 16
            : geometry.Y.Kernel * geometry.X.Kernel * image[^1] / geometry.Groups <= 8;
        yield return OpTable.Row($"convolution_weight_gradient {name}", new ConvolutionWeightGradient(geometry), input, gradient)
            with { IsSerial = isSerial };

        Shape Weights(int n) => image.Length == 3
            ? [geometry.Y.Kernel, geometry.X.Kernel, image[2] / geometry.Groups, outputs(n)]
            : [geometry.Y.Kernel, image[1] / geometry.Groups, outputs(n)];

        Shape Result(int n) => geometry.Output(x, Weights(n));
    }
}
