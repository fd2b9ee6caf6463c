using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// y = h ⊙ weight + bias with h = (x − mean)/√(variance + ε), by the statistics of x itself (Ioffe and Szegedy 2015). Inputs:
/// x [..., C], s = <see cref="BatchStatistics"/> of x, weight and bias [C]. The gradient of x goes through s too, so that s has none of
/// its own.
/// </summary>
/// <remarks>
/// The derivative of h along v is G(v) = (v − mean v − h ⊙ mean(v ⊙ h))/√(variance + ε), and G is symmetric: every gradient here
/// is made of G, of h and of sums over the rows.
/// </remarks>
internal sealed record BatchNormalize(float Epsilon) : Op
{
    public float Epsilon { get; } = Channels.Positive("a batch normalisation", Epsilon);

    internal override int Arity => 4;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        int channels = Channels.Of(inputs[0]);
        Channels.Require("the statistics of a batch", [2, channels], inputs[1]);
        Channels.Require("a batch normalisation's weight", [channels], inputs[2]);
        Channels.Require("a batch normalisation's bias", [channels], inputs[3]);
        return inputs[0];
    }

    // dx = weight ⊙ G(dy), dweight = Σ dy ⊙ h, dbias = Σ dy.
    internal override Node? Gradient(Node node, int input, Node dy)
    {
        (Node x, Node s, Node weight) = (node.Inputs[0], node.Inputs[1], node.Inputs[2]);
        if (input == 1)
        {
            return null;
        }

        Node sums = node.Graph.Add(new BatchNormalizeSums(Epsilon), dy, x, s);
        return input == 0
            ? node.Graph.Add(new BatchNormalizeGradient(Epsilon), dy, x, s, sums, weight)
            : Channels.Row(sums, input == 2 ? 1 : 0);
    }

    internal override Kernel CreateKernel(KernelArguments arguments) => CreateKernel(arguments, false);

    /// <summary>The kernel, with a rectifier behind it or without.</summary>
    internal unsafe Kernel CreateKernel(KernelArguments arguments, bool rectifies)
    {
        (Operand x, Operand s, Operand weight) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2]);
        (Operand bias, Operand y) = (arguments.Inputs[3], arguments.Output);
        (int rows, int columns) = x.Shape.AsMatrix();
        (float epsilon, int rectifying) = (Epsilon, rectifies ? 1 : 0);
        return RangeKernel.OfRows("nb_normalize_f32", rows, columns, 2, (row, count) =>
        {
            long at = (long)row * columns;
            Kernels.nb_normalize_f32(x.Data + at, s.Data, s.Data + columns, weight.Data, bias.Data, count, (nuint)columns, epsilon,
                rectifying, y.Data + at);
        });
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] x, double[] s) = (arguments.Inputs[0], arguments.Inputs[1]);
        (double[] weight, double[] bias) = (arguments.Inputs[2], arguments.Inputs[3]);
        for (int i = 0; i < x.Length; i++)
        {
            int c = i % weight.Length;
            arguments.Output[i] = (Normal(x, s, i, weight.Length, Epsilon) * weight[c]) + bias[c];
        }
    }

    /// <summary>h in double precision.</summary>
    internal static double Normal(double[] x, double[] s, int i, int channels, float epsilon) =>
        (x[i] - s[i % channels]) / Math.Sqrt(s[channels + (i % channels)] + epsilon);
}

/// <summary>
/// The rows Σ dy and Σ dy ⊙ h of a [2, C], with h as in <see cref="BatchNormalize"/>: the gradients of bias and weight. Inputs: dy, x,
/// and s, the statistics of x.
/// </summary>
internal sealed record BatchNormalizeSums(float Epsilon) : Op
{
    internal override int Arity => 3;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        int channels = Channels.Of(inputs[1]);
        Channels.Require("the gradient of a batch normalisation", inputs[1], inputs[0]);
        Channels.Require("the statistics of a batch", [2, channels], inputs[2]);
        return [2, channels];
    }

    // For the cotangents b of Σ dy and w of Σ dy ⊙ h: h ⊙ w + b to dy, and w ⊙ G(dy) to x.
    internal override Node? Gradient(Node node, int input, Node dy)
    {
        (Node upstream, Node x, Node s) = (node.Inputs[0], node.Inputs[1], node.Inputs[2]);
        return input switch
        {
            0 => node.Graph.Add(new BatchNormalize(Epsilon), x, s, Channels.Row(dy, 1), Channels.Row(dy, 0)),
            1 => node.Graph.Add(new BatchNormalizeGradient(Epsilon), upstream, x, s, node, Channels.Row(dy, 1)),
            _ => null,
        };
    }

    internal override Kernel CreateKernel(KernelArguments arguments) => CreateKernel(arguments, null, null);

    /// <summary>The kernel; with weight and bias, for a dy that goes through a rectifier behind the normalisation.</summary>
    internal unsafe Kernel CreateKernel(KernelArguments arguments, Operand? weight, Operand? bias)
    {
        (Operand dy, Operand x, Operand s) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2]);
        Operand sums = arguments.Output;
        (int rows, int columns) = x.Shape.AsMatrix();
        float epsilon = Epsilon;
        return new BlockKernel("nb_normalize_sums_f32", rows, columns, 2, 2,
            (row, count, column, width, part) =>
            {
                long at = ((long)row * columns) + column;
                Kernels.nb_normalize_sums_f32(dy.Data + at, x.Data + at, s.Data + column, s.Data + columns + column,
                    weight is { } w ? w.Data + column : null, bias is { } b ? b.Data + column : null, (nuint)count, (nuint)width,
                    (nuint)columns, epsilon, weight is null ? 0 : 1, part);
            },
            (parts, blocks, _) => Kernels.nb_sum_f32(parts, 1, (nuint)blocks, 2 * (nuint)columns, 2 * (nuint)columns, sums.Data));
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] dy, double[] x, double[] s) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2]);
        int channels = arguments.OutputShape[1];
        for (int i = 0; i < x.Length; i++)
        {
            arguments.Output[i % channels] += dy[i];
            arguments.Output[channels + (i % channels)] += dy[i] * BatchNormalize.Normal(x, s, i, channels, Epsilon);
        }
    }
}

/// <summary>
/// dx = weight ⊙ G(dy), G as in <see cref="BatchNormalize"/>: the gradient through mean and variance too. Inputs: dy, x, the statistics s
/// of x, the <see cref="BatchNormalizeSums"/> of these three, and the weight. Gradients go through s and sums to x and dy.
/// </summary>
internal sealed record BatchNormalizeGradient(float Epsilon) : Op
{
    internal override int Arity => 5;

    internal override bool CanOverwrite(int input, int output) => input <= 1;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        int channels = Channels.Of(inputs[1]);
        Channels.Require("the gradient of a batch normalisation", inputs[1], inputs[0]);
        Channels.Require("the statistics of a batch", [2, channels], inputs[2]);
        Channels.Require("the sums of a gradient", [2, channels], inputs[3]);
        Channels.Require("a batch normalisation's weight", [channels], inputs[4]);
        return inputs[1];
    }

    internal override Node? Gradient(Node node, int input, Node dy)
    {
        (Node upstream, Node x, Node s, Node weight) = (node.Inputs[0], node.Inputs[1], node.Inputs[2], node.Inputs[4]);
        Graph graph = node.Graph;
        Node ones = graph.Constant(1, weight.Shape);
        return input switch
        {
            0 => G(dy, weight),
            1 => Curvature(),
            4 => Channels.Sum(dy * G(upstream, ones)),
            _ => null,
        };

        Node G(Node v, Node w) => graph.Add(this, v, x, s, graph.Add(new BatchNormalizeSums(Epsilon), v, x, s), w);

        // With r = 1/√(variance + ε), whose derivative along x is −r² h/n: ⟨u, G(v)⟩ is differentiated through r and both h.
        Node Curvature()
        {
            Node h = graph.Add(new BatchNormalize(Epsilon), x, s, ones, graph.Constant(0, weight.Shape));
            Node inverse = Channels.Inverse(Channels.Row(s, 1), Epsilon), product = Channels.Mean(dy * G(upstream, ones));
            Node mixed = (dy * Channels.Mean(upstream * h)) + (upstream * Channels.Mean(dy * h));
            return -(weight * inverse) * ((product * h) + G(mixed, ones));
        }
    }

    internal override Kernel CreateKernel(KernelArguments arguments) => CreateKernel(arguments, null);

    /// <summary>The kernel; with a bias, for a dy that goes through a rectifier behind the normalisation.</summary>
    internal unsafe Kernel CreateKernel(KernelArguments arguments, Operand? bias)
    {
        (Operand dy, Operand x, Operand s) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2]);
        (Operand sums, Operand weight, Operand dx) = (arguments.Inputs[3], arguments.Inputs[4], arguments.Output);
        (int rows, int columns) = x.Shape.AsMatrix();
        float epsilon = Epsilon;
        return RangeKernel.OfRows("nb_normalize_backward_f32", rows, columns, 3, (row, count) =>
        {
            long at = (long)row * columns;
            Kernels.nb_normalize_backward_f32(dy.Data + at, x.Data + at, s.Data, s.Data + columns, weight.Data,
                bias is { } b ? b.Data : null, sums.Data, count, (nuint)columns, rows, epsilon, bias is null ? 0 : 1, dx.Data + at);
        });
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] dy, double[] x, double[] s) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2]);
        (double[] sums, double[] weight) = (arguments.Inputs[3], arguments.Inputs[4]);
        int channels = weight.Length;
        double rows = (double)x.Length / channels;
        for (int i = 0; i < x.Length; i++)
        {
            int c = i % channels;
            double h = BatchNormalize.Normal(x, s, i, channels, Epsilon);
            double g = dy[i] - (sums[c] / rows) - (h * sums[channels + c] / rows);
            arguments.Output[i] = weight[c] * g / Math.Sqrt(s[channels + c] + Epsilon);
        }
    }
}
