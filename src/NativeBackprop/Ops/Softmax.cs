using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// y_i = exp(z_i) / Σ_j exp(z_j) over the last dimension, a vector activation: its Jacobian has y_i − y_i² on the diagonal and
/// −y_i y_j off it, so that dz = y ⊙ (dy − ⟨dy, y⟩) without ever forming it (lecture notes 003).
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public sealed record Softmax : Op
{
    internal override bool CanOverwrite(int input, int output) => true;

    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => node.Shape.Rank > 1;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0].Rank > 0
        ? inputs[0]
        : throw new ShapeException("expected at least one dimension, got a scalar");

    internal override Node? Gradient(Node node, int input, Node dy) => node * (dy - (dy * node).Sum(-1, keepDimensions: true));

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand z, Operand y) = (arguments.Inputs[0], arguments.Output);
        (int rows, int columns) = z.Shape.AsMatrix();
        return RangeKernel.OfRows("nb_softmax_f32", rows, columns, 2, (first, count) =>
            Kernels.nb_softmax_f32(z.Data + ((long)first * columns), count, (nuint)columns, y.Data + ((long)first * columns)));
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (int rows, int columns) = arguments.OutputShape.AsMatrix();
        for (int r = 0; r < rows; r++)
        {
            ReadOnlySpan<double> z = arguments.Inputs[0].AsSpan(r * columns, columns);
            double logSum = LogSumExp.Value(z);
            for (int c = 0; c < columns; c++)
            {
                arguments.Output[(r * columns) + c] = Math.Exp(z[c] - logSum);
            }
        }
    }
}
