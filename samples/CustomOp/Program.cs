using NativeBackprop;
using NativeBackprop.Ops;

// The notes' multiply gate, written by hand, in place of the built-in product.
var graph = new Graph();
Node x = graph.Input("x", [2]), y = graph.Input("y", [2]);
Node cost = graph.Add(new MultiplyGate(), x, y).Sum();
Node[] d = graph.Gradient(cost, x, y);
using Plan plan = graph.Compile([cost, .. d]);
plan.Bind(x, [2f, 3f]).Bind(y, [-4f, 5f]).Run();
Console.WriteLine(
    $"x.y = {plan[cost].Item}, dx = ({string.Join(", ", plan[d[0]].ToArray())}), dy = ({string.Join(", ", plan[d[1]].ToArray())})");

internal sealed class MultiplyGate : CustomOp
{
    public override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0].Equals(inputs[1])
        ? inputs[0]
        : throw new ShapeException($"expected two inputs of one shape, got {inputs[0]} and {inputs[1]}");

    public override void Forward(CustomInputs<float> inputs, Span<float> output)
    {
        for (int i = 0; i < output.Length; i++)
        {
            output[i] = inputs[0][i] * inputs[1][i];
        }
    }

    // The inputs switch: dx = y·dz, dy = x·dz.
    public override void Backward(
        int input, CustomInputs<float> inputs, ReadOnlySpan<float> output, ReadOnlySpan<float> outputGradient, Span<float> inputGradient)
    {
        for (int i = 0; i < inputGradient.Length; i++)
        {
            inputGradient[i] = inputs[1 - input][i] * outputGradient[i];
        }
    }
}
