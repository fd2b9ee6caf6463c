using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>The maximum over adjacent axes. The gradient is routed to the first of the largest elements.</summary>
internal sealed record Max(int Axis, int Axes, bool KeepDimensions = false) : Reduction(Axis, Axes, KeepDimensions)
{
    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Shape shape = base.InferShape(inputs);
        RequireElements("maximum", inputs[0]);
        return shape;
    }

    internal override Node? Gradient(Node node, int input, Node dy) =>
        node.Graph.Add(new MaxGradient(this), dy, node.Inputs[0], node);

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (int outer, int reduce, int inner) = Split(arguments.Inputs[0].Shape);
        Operand x = arguments.Inputs[0], y = arguments.Output;
        return RangeKernel.OfReductions("nb_max_f32", outer, reduce, inner, (o, n) => Kernels.nb_max_f32(
            x.Data + ((long)o * reduce * inner), n, (nuint)reduce, (nuint)inner, (nuint)inner, y.Data + ((long)o * inner)));
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] x, double[] y) = (arguments.Inputs[0], arguments.Output);
        ForEach(arguments.Shapes[0], (result, first, count, stride) => y[result] = x[First(x, first, count, stride)]);
    }

    internal (int Outer, int Reduce, int Inner) Extents(Shape x) => Split(x);

    internal void ForEachFirst(double[] x, Shape shape, Action<int, int> body) =>
        ForEach(shape, (result, first, count, stride) => body(result, First(x, first, count, stride)));

    private static int First(double[] x, int first, int count, int stride)
    {
        int best = first;
        for (int i = 1; i < count && !double.IsNaN(x[best]); i++)
        {
            int candidate = first + (i * stride);
            best = x[candidate] > x[best] || double.IsNaN(x[candidate]) ? candidate : best;
        }

        return best;
    }
}

/// <summary>Routes dy to the first of the largest elements of x and 0 to the others. Inputs: dy, x, y = max x.</summary>
internal sealed record MaxGradient(Max Function) : Op
{
    internal override int Arity => 3;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Shape reduced = Function.InferShape(inputs[1..2]);
        return inputs[0].Equals(reduced) && inputs[2].Equals(reduced)
            ? inputs[1]
            : throw new ShapeException(
                $"the maximum of {inputs[1]} and its gradient must have the shape {reduced}, got {inputs[2]} and {inputs[0]}");
    }

    internal override Node? Gradient(Node node, int input, Node dy) => input == 0
        ? node.Graph.Add(new MaxSelect(Function), dy, node.Inputs[1], node.Inputs[2])
        : null;

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand dy, Operand x, Operand y, Operand dx) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2], arguments.Output);
        (int outer, int reduce, int inner) = Function.Extents(x.Shape);
        return RangeKernel.OfReductions("nb_max_backward_f32", outer, reduce, inner, (o, n) => Kernels.nb_max_backward_f32(
            dy.Data + ((long)o * inner), x.Data + ((long)o * reduce * inner), y.Data + ((long)o * inner),
            n, (nuint)reduce, (nuint)inner, dx.Data + ((long)o * reduce * inner)));
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] dy, double[] dx) = (arguments.Inputs[0], arguments.Output);
        Function.ForEachFirst(arguments.Inputs[1], arguments.Shapes[1], (result, position) => dx[position] = dy[result]);
    }
}

/// <summary>
/// The transpose of <see cref="MaxGradient"/>: picks the element of g where x has its first maximum. Inputs: g, x, y = max x.
/// </summary>
internal sealed record MaxSelect(Max Function) : Op
{
    internal override int Arity => 3;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Shape reduced = Function.InferShape(inputs[1..2]);
        return inputs[0].Equals(inputs[1]) && inputs[2].Equals(reduced)
            ? reduced
            : throw new ShapeException($"expected two of {inputs[1]} and a maximum of {reduced}, got {inputs[0]} and {inputs[2]}");
    }

    internal override Node? Gradient(Node node, int input, Node dy) =>
        input == 0 ? node.Graph.Add(new MaxGradient(Function), dy, node.Inputs[1], node.Inputs[2]) : null;

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand g, Operand x, Operand max, Operand y) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2], arguments.Output);
        (int outer, int reduce, int inner) = Function.Extents(x.Shape);
        return RangeKernel.OfReductions("max_select", outer, reduce, inner, (begin, count) =>
        {
            for (int o = begin; o < begin + (int)count; o++)
            {
                for (int i = 0; i < inner; i++)
                {
                    long result = ((long)o * inner) + i, at = ((long)o * reduce * inner) + i;
                    float m = max.Data[result];
                    for (int r = 0; r < reduce - 1 && !(x.Data[at] == m || (float.IsNaN(m) && float.IsNaN(x.Data[at]))); r++)
                    {
                        at += inner;
                    }

                    y.Data[result] = g.Data[at];
                }
            }
        });
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] g, double[] y) = (arguments.Inputs[0], arguments.Output);
        Function.ForEachFirst(arguments.Inputs[1], arguments.Shapes[1], (result, position) => y[result] = g[position]);
    }
}
