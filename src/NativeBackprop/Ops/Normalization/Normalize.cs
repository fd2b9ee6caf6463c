using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// y = (x − mean)/√(variance + ε) ⊙ weight + bias for each channel, with a mean and a variance that do not depend on x: batch
/// normalisation by running statistics. Inputs: x [..., C], mean, variance, weight and bias [C].
/// </summary>
internal sealed record Normalize(float Epsilon) : Op
{
    public float Epsilon { get; } = Channels.Positive("a normalisation", Epsilon);

    internal override int Arity => 5;

    internal override bool CanOverwrite(int input, int output) => input == 0;

    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => !byRow[1..].Contains(true);

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Shape channels = [Channels.Of(inputs[0])];
        for (int i = 1; i < inputs.Length; i++)
        {
            Channels.Require("mean, variance, weight and bias of a normalisation", channels, inputs[i]);
        }

        return inputs[0];
    }

    // Running statistics are seldom differentiated through, so this is simple graph.
    internal override Node? Gradient(Node node, int input, Node dy)
    {
        (Node x, Node mean, Node variance, Node weight) = (node.Inputs[0], node.Inputs[1], node.Inputs[2], node.Inputs[3]);
        Node inverse = Channels.Inverse(variance, Epsilon), scale = weight * inverse;
        return input switch
        {
            0 => dy * scale,
            1 => -(scale * Channels.Sum(dy)),
            2 => -0.5f * scale * inverse.Square() * Channels.Sum(dy * (x - mean)),
            3 => Channels.Sum(dy * ((x - mean) * inverse)),
            _ => Channels.Sum(dy),
        };
    }

    internal override Kernel CreateKernel(KernelArguments arguments) => CreateKernel(arguments, false);

    /// <summary>The kernel, with a rectifier behind it or without.</summary>
    internal unsafe Kernel CreateKernel(KernelArguments arguments, bool rectifies)
    {
        (Operand x, Operand mean, Operand variance) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2]);
        (Operand weight, Operand bias, Operand y) = (arguments.Inputs[3], arguments.Inputs[4], arguments.Output);
        (int rows, int columns) = x.Shape.AsMatrix();
        (float epsilon, int rectifying) = (Epsilon, rectifies ? 1 : 0);
        return RangeKernel.OfRows("nb_normalize_f32", rows, columns, 2, (row, count) =>
        {
            long at = (long)row * columns;
            Kernels.nb_normalize_f32(x.Data + at, mean.Data, variance.Data, weight.Data, bias.Data, count, (nuint)columns, epsilon,
                rectifying, y.Data + at);
        });
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] x, double[] mean, double[] variance) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2]);
        (double[] weight, double[] bias) = (arguments.Inputs[3], arguments.Inputs[4]);
        for (int i = 0; i < x.Length; i++)
        {
            int c = i % mean.Length;
            arguments.Output[i] = ((x[i] - mean[c]) / Math.Sqrt(variance[c] + Epsilon) * weight[c]) + bias[c];
        }
    }
}
