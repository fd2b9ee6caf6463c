using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>The maximum over windows. The gradient is routed to the first of the largest elements, row by row.</summary>
internal sealed record MaxPool(PoolWindow Window) : Op
{
    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => true;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => Window.Results(inputs[0]);

    internal override Node? Gradient(Node node, int input, Node dy) =>
        node.Graph.Add(new MaxPoolGradient(Window), dy, node.Inputs[0], node);

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand x, Operand y) = (arguments.Inputs[0], arguments.Output);
        nb_pool pool = Window.Native(x.Shape, y.Shape);
        return RangeKernel.OfWindows("nb_max_pool_f32", y.Shape.Product(0, y.Shape.Rank - 2), x.Length + (long)y.Length,
            Window.Area * y.Length, (row, rows) =>
            {
                nb_pool p = pool;
                Kernels.nb_max_pool_f32(x.Data, &p, (nuint)row, rows, y.Data);
            });
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] x, double[] y) = (arguments.Inputs[0], arguments.Output);
        Window.ForEach(arguments.Shapes[0], (result, elements) => y[result] = x[First(x, elements)]);
    }

    /// <summary>The first of the largest elements; a NaN is larger than everything.</summary>
    internal static int First(double[] x, IEnumerable<int> elements) => elements.Aggregate(
        (best, element) => x[element] > x[best] || (double.IsNaN(x[element]) && !double.IsNaN(x[best])) ? element : best);
}

/// <summary>
/// Routes each window's dy to the first of its largest elements; an element of several windows gets the sum. Inputs: dy, x, y = max x.
/// </summary>
internal sealed record MaxPoolGradient(PoolWindow Window) : Op
{
    internal override int Arity => 3;

    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => true;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Shape results = Window.Results(inputs[1]);
        return inputs[0].Equals(results) && inputs[2].Equals(results)
            ? inputs[1]
            : throw new ShapeException(
                $"maxima over windows of {inputs[1]} and their gradient must have the shape {results}, got {inputs[2]} and {inputs[0]}");
    }

    internal override Node? Gradient(Node node, int input, Node dy) => input == 0
        ? node.Graph.Add(new MaxPoolSelect(Window), dy, node.Inputs[1], node.Inputs[2])
        : null;

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand dy, Operand x, Operand y, Operand dx) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2], arguments.Output);
        nb_pool pool = Window.Native(x.Shape, y.Shape);
        int images = x.Shape[0], from = images == 0 ? 0 : x.Length / images, to = images == 0 ? 0 : y.Length / images;
        return RangeKernel.OfWindows("nb_max_pool_backward_f32", images, 2 * (x.Length + (long)y.Length), Window.Area * y.Length,
            (image, count) =>
            {
                nb_pool p = pool;
                long at = (long)image * from, result = (long)image * to;
                Kernels.nb_max_pool_backward_f32(dy.Data + result, x.Data + at, y.Data + result, &p, count, dx.Data + at);
            });
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] dy, double[] x, double[] dx) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Output);
        Window.ForEach(arguments.Shapes[1], (result, elements) => dx[MaxPool.First(x, elements)] += dy[result]);
    }
}

/// <summary>
/// The transpose of <see cref="MaxPoolGradient"/>: picks, for each window, the element of g where x has its first maximum. Inputs: g, x,
/// y = max x.
/// </summary>
internal sealed record MaxPoolSelect(PoolWindow Window) : Op
{
    internal override int Arity => 3;

    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => true;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Shape results = Window.Results(inputs[1]);
        return inputs[0].Equals(inputs[1]) && inputs[2].Equals(results)
            ? results
            : throw new ShapeException($"expected two of {inputs[1]} and maxima of {results}, got {inputs[0]} and {inputs[2]}");
    }

    internal override Node? Gradient(Node node, int input, Node dy) =>
        input == 0 ? node.Graph.Add(new MaxPoolGradient(Window), dy, node.Inputs[1], node.Inputs[2]) : null;

    // Second derivatives alone come here, so the kernel is plain.
    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand g, Operand x, Operand max, Operand y) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2], arguments.Output);
        nb_pool p = Window.Native(x.Shape, y.Shape);
        (int height, int width, int channels) = ((int)p.height, (int)p.width, (int)p.channels);
        (int outHeight, int outWidth) = ((int)p.out_height, (int)p.out_width);
        return RangeKernel.OfWindows("max_pool_select", y.Shape.Product(0, y.Shape.Rank - 2), 2 * (x.Length + (long)y.Length),
            Window.Area * y.Length, (row, rows) =>
            {
                long result = (long)row * outWidth * channels;
                for (int r = row; r < row + (int)rows; r++)
                {
                    for (int j = 0; j < outWidth; j++)
                    {
                        for (int c = 0; c < channels; c++, result++)
                        {
                            y.Data[result] = g.Data[First(x.Data + c, r / outHeight, r % outHeight, j, max.Data[result]) + c];
                        }
                    }
                }
            });

        long First(float* channel, int image, int i, int j, float largest)
        {
            int top = Math.Max(0, (i * Window.StrideHeight) - Window.PaddingHeight);
            int left = Math.Max(0, (j * Window.StrideWidth) - Window.PaddingWidth);
            int bottom = Math.Min(height, (i * Window.StrideHeight) - Window.PaddingHeight + Window.Height);
            int right = Math.Min(width, (j * Window.StrideWidth) - Window.PaddingWidth + Window.Width);
            for (int h = top; h < bottom; h++)
            {
                for (int w = left; w < right; w++)
                {
                    long at = ((((long)image * height) + h) * width + w) * channels;
                    if (channel[at] == largest || (float.IsNaN(largest) && float.IsNaN(channel[at])))
                    {
                        return at;
                    }
                }
            }

            return ((((long)image * height) + top) * width + left) * channels;
        }
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] g, double[] x, double[] y) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Output);
        Window.ForEach(arguments.Shapes[1], (result, elements) => y[result] = g[MaxPool.First(x, elements)]);
    }
}
