using System.Numerics;

namespace NativeBackprop.Ops;

/// <summary>
/// From the number t ≥ 1 of a step, [1 − β1^t, 1 − β2^t]: what the moments of Adam, which start at zero, are divided by
/// (Kingma and Ba 2015, section 3). Computed in double precision and rounded once. Input: the step's <see cref="Counter"/>, [1].
/// </summary>
internal sealed record AdamCorrections(float Beta1, float Beta2) : Op
{
    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0].Equals([1])
        ? [2]
        : throw new ShapeException($"the number of the step must have the shape [1], got {inputs[0]}");

    internal override Node? Gradient(Node node, int input, Node dy) => null;

    internal override Kernel CreateKernel(KernelArguments arguments)
    {
        Operand step = arguments.Inputs[0];
        (double[] squares1, double[] squares2) = (Squares(Precise.AsWritten(Beta1)), Squares(Precise.AsWritten(Beta2)));
        return new ActionKernel("adam_corrections", arguments.Output, y =>
        {
            var t = (uint)step.Span[0];
            (y[0], y[1]) = ((float)(1 - Power(squares1, t)), (float)(1 - Power(squares2, t)));
        });
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        double step = arguments.Inputs[0][0];
        arguments.Output[0] = -Precise.ExpM1(step * Math.Log(Precise.AsWritten(Beta1)));
        arguments.Output[1] = -Precise.ExpM1(step * Math.Log(Precise.AsWritten(Beta2)));
    }

    // β^(2^k) for each bit of a step's number; 0 where 1 − β^t is 1, so that nothing underflows slowly.
    private static double[] Squares(double beta)
    {
        const double negligible = 1e-20;
        var squares = new double[32];
        for (int k = 0; k < squares.Length; k++, beta *= beta)
        {
            beta = beta < negligible ? 0 : beta;
            squares[k] = beta;
        }

        return squares;
    }

    // The same bits everywhere, because it only multiplies. What squaring loses in double precision is far below a float's last place.
    private static double Power(double[] squares, uint n)
    {
        double power = 1;
        for (; n != 0; n &= n - 1)
        {
            power *= squares[BitOperations.TrailingZeroCount(n)];
        }

        return power;
    }
}
