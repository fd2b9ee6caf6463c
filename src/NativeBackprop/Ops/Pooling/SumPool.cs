using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// The sum over windows times a factor: an average, where the factor is one part of the window's area, the padding counted too.
/// </summary>
internal sealed record SumPool(PoolWindow Window, float Factor) : Op
{
    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => true;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => Window.Results(inputs[0]);

    internal override Node? Gradient(Node node, int input, Node dy) =>
        node.Graph.Add(new SumPoolGradient(Window, Factor, node.Inputs[0].Shape), dy);

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand x, Operand y, float factor) = (arguments.Inputs[0], arguments.Output, Factor);
        nb_pool pool = Window.Native(x.Shape, y.Shape);
        return RangeKernel.OfWindows("nb_sum_pool_f32", y.Shape.Product(0, y.Shape.Rank - 2), x.Length + (long)y.Length,
            Window.Area * y.Length, (row, rows) =>
            {
                nb_pool p = pool;
                Kernels.nb_sum_pool_f32(x.Data, &p, (nuint)row, rows, factor, y.Data);
            });
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] x, double[] y) = (arguments.Inputs[0], arguments.Output);
        Window.ForEach(arguments.Shapes[0], (result, elements) => y[result] = Factor * elements.Sum(element => x[element]));
    }
}

/// <summary>
/// The transpose of <see cref="SumPool"/>: every element gets the sum of dy over the windows that it lies in, times the factor. With a
/// stride of the window's size and a factor of 1 that repeats each pixel: nearest-neighbour upsampling.
/// </summary>
/// <param name="Window">The window.</param>
/// <param name="Factor">The factor.</param>
/// <param name="Shape">The shape of what was summed.</param>
internal sealed record SumPoolGradient(PoolWindow Window, float Factor, Shape Shape) : Op
{
    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => true;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Shape results = Window.Results(Shape);
        return inputs[0].Equals(results)
            ? Shape
            : throw new ShapeException($"the gradient of sums over windows of {Shape} must have the shape {results}, got {inputs[0]}");
    }

    internal override Node? Gradient(Node node, int input, Node dy) => node.Graph.Add(new SumPool(Window, Factor), dy);

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand dy, Operand dx, float factor) = (arguments.Inputs[0], arguments.Output, Factor);
        nb_pool pool = Window.Native(dx.Shape, dy.Shape);
        return RangeKernel.OfWindows("nb_sum_pool_backward_f32", dx.Shape.Product(0, dx.Shape.Rank - 2), dx.Length + (long)dy.Length,
            Window.Area * dy.Length, (row, rows) =>
            {
                nb_pool p = pool;
                Kernels.nb_sum_pool_backward_f32(dy.Data, &p, (nuint)row, rows, factor, dx.Data);
            });
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] dy, double[] dx) = (arguments.Inputs[0], arguments.Output);
        Window.ForEach(arguments.OutputShape, (result, elements) =>
        {
            foreach (int element in elements)
            {
                dx[element] += Factor * dy[result];
            }
        });
    }
}
