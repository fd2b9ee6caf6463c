using NativeBackprop.Ops;

namespace NativeBackprop.Tests.Soundness;

/// <summary>An op that a user wrote: it multiplies its inputs, and misbehaves as <see cref="UserCode"/> says.</summary>
public sealed class UserOp : CustomOp
{
    public override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        UserCode.Act();
        return inputs.Length > 0 ? inputs[0] : Shape.Scalar;
    }

    public override void Forward(CustomInputs<float> inputs, Span<float> output)
    {
        UserCode.Act();
        output.Fill(1);
        for (int input = 0; input < inputs.Count; input++)
        {
            _ = inputs.Shape(input).Rank;
            for (int i = 0; i < output.Length; i++)
            {
                output[i] *= inputs[input][i % Math.Max(1, inputs[input].Length)];
            }
        }
    }

    public override void Backward(
        int input, CustomInputs<float> inputs, ReadOnlySpan<float> output, ReadOnlySpan<float> outputGradient, Span<float> inputGradient)
    {
        UserCode.Act();
        inputGradient.Clear();
        inputGradient[Math.Min(input, inputGradient.Length)..].Fill(0.5f);
    }
}

/// <summary>An op that reads and writes where it has nothing.</summary>
public sealed class CarelessOp : CustomOp
{
    public override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs.Length == 0 ? null! : inputs[^1];

    public override void Forward(CustomInputs<float> inputs, Span<float> output) => output[output.Length] = inputs[inputs.Count][0];

    public override void Backward(
        int input, CustomInputs<float> inputs, ReadOnlySpan<float> output, ReadOnlySpan<float> outputGradient, Span<float> inputGradient) =>
        inputGradient.Fill(inputs.Shape(-1).Rank);
}
