using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// log Σ_j exp(z_j) over the last dimension, which is dropped; computed around the largest z so that nothing overflows.
/// Its gradient is the softmax (lecture notes 002, softmax output units).
/// </summary>
internal sealed record LogSumExp : Op
{
    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => node.Inputs[0].Shape.Rank > 1;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0].Rank > 0
        ? inputs[0].Without(-1)
        : throw new ShapeException("expected at least one dimension, got a scalar");

    internal override Node? Gradient(Node node, int input, Node dy)
    {
        Node z = node.Inputs[0];
        return dy.Reshape(z.Shape.With(-1, 1)) * z.Softmax();
    }

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand z, Operand y) = (arguments.Inputs[0], arguments.Output);
        (int rows, int columns) = z.Shape.AsMatrix();
        return RangeKernel.OfRows("nb_log_sum_exp_f32", rows, columns, 1, (first, count) =>
            Kernels.nb_log_sum_exp_f32(z.Data + ((long)first * columns), count, (nuint)columns, y.Data + first));
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (int rows, int columns) = arguments.Shapes[0].AsMatrix();
        for (int r = 0; r < rows; r++)
        {
            arguments.Output[r] = Value(arguments.Inputs[0].AsSpan(r * columns, columns));
        }
    }

    internal static double Value(ReadOnlySpan<double> z)
    {
        double largest = double.NegativeInfinity, sum = 0;
        foreach (double value in z)
        {
            largest = Math.Max(largest, value);
        }

        foreach (double value in z)
        {
            sum += Math.Exp(value - largest);
        }

        return largest + Math.Log(sum);
    }
}
