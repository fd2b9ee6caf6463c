using NativeBackprop.Ops;

namespace NativeBackprop.Tests.Ops;

/// <summary>z = x ⊙ y as a user would write it, after the gate of lecture notes 001.</summary>
internal sealed class MultiplyGate : CustomOp
{
    public override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs.Length == 2 && inputs[0].Equals(inputs[1])
        ? inputs[0]
        : throw new ShapeException($"expected two inputs of one shape, got {string.Join(" and ", inputs.ToArray().AsEnumerable())}");

    public override void Forward(CustomInputs<float> inputs, Span<float> output) => Multiply(inputs[0], inputs[1], output);

    // dx = y ⊙ dz, dy = x ⊙ dz: the inputs switch.
    public override void Backward(
        int input, CustomInputs<float> inputs, ReadOnlySpan<float> output, ReadOnlySpan<float> outputGradient, Span<float> inputGradient) =>
        Multiply(inputs[1 - input], outputGradient, inputGradient);

    public override void Forward(CustomInputs<double> inputs, Span<double> output) => Multiply(inputs[0], inputs[1], output);

    public override void Backward(
        int input, CustomInputs<double> inputs, ReadOnlySpan<double> output, ReadOnlySpan<double> outputGradient,
        Span<double> inputGradient) =>
        Multiply(inputs[1 - input], outputGradient, inputGradient);

    private static void Multiply<T>(ReadOnlySpan<T> a, ReadOnlySpan<T> b, Span<T> c)
        where T : System.Numerics.INumber<T>
    {
        for (int i = 0; i < c.Length; i++)
        {
            c[i] = a[i] * b[i];
        }
    }
}
