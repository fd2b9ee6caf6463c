using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// Mean and biased variance of each channel of x [..., C] over all other dimensions, as the rows of a [2, C]. The variance is made of
/// squared deviations from the mean, of blocks of rows that are joined by Chan's formula (Chan, Golub and LeVeque 1983).
/// </summary>
internal sealed record BatchStatistics : Op
{
    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => [2, Channels.Of(inputs[0])];

    internal override Node? Gradient(Node node, int input, Node dy)
    {
        Node x = node.Inputs[0];
        Node deviation = x - Channels.Row(node, 0);
        return Spread(Channels.Row(dy, 0)) + (Spread(2f * Channels.Row(dy, 1)) * deviation);

        Node Spread(Node v)
        {
            int axes = x.Shape.Rank - 1;
            return x.Graph.Add(new Spread(x.Shape, 0, axes), v.Reshape(Reduction.Ones(x.Shape, 0, axes)));
        }
    }

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand x, Operand y) = (arguments.Inputs[0], arguments.Output);
        (int rows, int columns) = x.Shape.AsMatrix();
        if (rows < 2)
        {
            throw new ShapeException($"the statistics of a batch need more than one value a channel, got {x.Shape}");
        }

        return new BlockKernel("nb_moments_f32", rows, columns, 3, 1,
            (row, count, column, width, part) => Kernels.nb_moments_f32(
                x.Data + ((long)row * columns) + column, (nuint)count, (nuint)width, (nuint)columns, part),
            (parts, blocks, last) => Kernels.nb_join_moments_f32(
                parts, (nuint)blocks, BlockKernel.Rows, (nuint)last, (nuint)columns, y.Data));
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] x, double[] y) = (arguments.Inputs[0], arguments.Output);
        (int rows, int columns) = arguments.Shapes[0].AsMatrix();
        for (int i = 0; i < x.Length; i++)
        {
            y[i % columns] += x[i] / rows;
        }

        for (int i = 0; i < x.Length; i++)
        {
            double deviation = x[i] - y[i % columns];
            y[columns + (i % columns)] += deviation * deviation / rows;
        }
    }
}

/// <summary>
/// v·n/(n − 1): the unbiased variance from the biased one. Inputs: v [C], and x, of which only the number n of its rows is read.
/// </summary>
internal sealed record UnbiasedVariance : Op
{
    internal override int Arity => 2;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0].Equals([Channels.Of(inputs[1])])
        ? inputs[0]
        : throw new ShapeException($"expected the variances of the channels of {inputs[1]}, got {inputs[0]}");

    internal override Node? Gradient(Node node, int input, Node dy) => input == 0 ? node.Graph.Add(this, dy, node.Inputs[1]) : null;

    internal override Kernel CreateKernel(KernelArguments arguments)
    {
        Operand v = arguments.Inputs[0];
        float factor = (float)Factor(arguments.Inputs[1].Shape);
        return new ActionKernel("unbiased_variance", arguments.Output, y =>
        {
            Span<float> biased = v.Span;
            for (int i = 0; i < y.Length; i++)
            {
                y[i] = factor * biased[i];
            }
        });
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        double factor = Factor(arguments.Shapes[1]);
        for (int i = 0; i < arguments.Output.Length; i++)
        {
            arguments.Output[i] = factor * arguments.Inputs[0][i];
        }
    }

    private static double Factor(Shape x)
    {
        int rows = x.AsMatrix().Rows;
        return rows / (rows - 1.0);
    }
}
