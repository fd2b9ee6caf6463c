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
        (double beta1, double beta2) = (Precise.AsWritten(Beta1), Precise.AsWritten(Beta2));
        return new ActionKernel("adam_corrections", arguments.Output, y =>
        {
            long t = (long)step.Span[0];
            (y[0], y[1]) = ((float)(1 - PortableMath.Power(beta1, t)), (float)(1 - PortableMath.Power(beta2, t)));
        });
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        double step = arguments.Inputs[0][0];
        arguments.Output[0] = -Precise.ExpM1(step * Math.Log(Precise.AsWritten(Beta1)));
        arguments.Output[1] = -Precise.ExpM1(step * Math.Log(Precise.AsWritten(Beta2)));
    }
}
