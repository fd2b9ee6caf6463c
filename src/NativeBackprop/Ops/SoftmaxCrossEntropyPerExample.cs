using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// Each example's loss l = −z_t + log Σ_j exp(z_j) from logits z [N, K]; for dense targets t [N, K], l = Σ_j t_j (log Σ exp z − z_j).
/// The logarithm undoes the exponential, so that the gradient dl·(softmax(z) − t) never saturates
/// (lecture notes 002, softmax output units). Inputs: logits and labels [N] or probabilities [N, K].
/// </summary>
internal sealed record SoftmaxCrossEntropyPerExample(bool Dense) : Op
{
    /// <inheritdoc/>
    public override string Name => "softmax_cross_entropy";

    internal override ElementType InputType(int input) => input == 1 && !Dense ? ElementType.Int32 : ElementType.Float32;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Shape z = inputs[0], targets = inputs[1];
        Shape expected = z.Rank != 2 ? throw new ShapeException($"expected logits of shape [N, K], got {z}") : Dense ? z : z.Without(-1);
        return targets.Equals(expected) ? z.Without(-1) : throw new ShapeException($"expected targets of shape {expected}, got {targets}");
    }

    internal override Node? Gradient(Node node, int input, Node dy) => input == 0
        ? node.Graph.Add(new SoftmaxCrossEntropyGradient(Dense), node.Inputs[0], node.Inputs[1], dy)
        : Dense ? dy.Reshape(node.Shape.Column()) * (node.Inputs[0].LogSumExp().Reshape(node.Shape.Column()) - node.Inputs[0]) : null;

    internal override Kernel CreateKernel(KernelArguments arguments) =>
        CreateKernel(Dense, arguments.Inputs[0], arguments.Inputs[1], null, arguments.Output, null);

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (int rows, int classes) = RowKernel.Split(arguments.Shapes[0]);
        for (int r = 0; r < rows; r++)
        {
            ReadOnlySpan<double> z = arguments.Inputs[0].AsSpan(r * classes, classes);
            double logSum = NativeBackprop.Ops.LogSumExp.Value(z);
            for (int c = 0; c < classes; c++)
            {
                arguments.Output[r] += Target(arguments, r, c) * (logSum - z[c]);
            }
        }
    }

    internal double Target(ReferenceArguments arguments, int row, int column)
    {
        double[] targets = arguments.Inputs[1];
        return Dense ? targets[(row * arguments.Shapes[0][1]) + column] : (int)targets[row] == column ? 1 : 0;
    }

    /// <summary>The kernel that computes the losses l, the gradient dz, or both in one pass.</summary>
    internal static unsafe Kernel CreateKernel(bool dense, Operand z, Operand targets, Operand? dl, Operand? l, Operand? dz)
    {
        (int rows, int classes) = RowKernel.Split(z.Shape);
        return new RowKernel(dense ? "nb_softmax_cross_entropy_dense_f32" : "nb_softmax_cross_entropy_f32", rows, classes, dz is null ? 1 : 2, (first, count) =>
        {
            long at = (long)first * classes;
            float* scale = dl is { } s ? s.Data + first : null, loss = l is { } v ? v.Data + first : null, gradient = dz is { } g ? g.Data + at : null;
            if (dense)
            {
                Kernels.nb_softmax_cross_entropy_dense_f32(z.Data + at, targets.Data + at, scale, count, (nuint)classes, loss, gradient);
            }
            else
            {
                Kernels.nb_softmax_cross_entropy_f32(z.Data + at, (int*)targets.Data + first, scale, count, (nuint)classes, loss, gradient);
            }
        });
    }
}

/// <summary>dz = dl ⊙ (softmax(z)·Σt − t). Inputs: logits, targets, and the upstream gradient dl of each example's loss.</summary>
internal sealed record SoftmaxCrossEntropyGradient(bool Dense) : Op
{
    internal override bool CanOverwrite(int input, int output) => input == 0;

    internal override ElementType InputType(int input) => input == 1 && !Dense ? ElementType.Int32 : ElementType.Float32;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0];

    internal override Node? Gradient(Node node, int input, Node dy)
    {
        (Node z, Node targets, Node dl) = (node.Inputs[0], node.Inputs[1], node.Inputs[2]);
        Node scale = dl.Reshape(dl.Shape.Column()), y = z.Softmax();
        Node t = Dense ? targets : node.Graph.Add(new OneHot(z.Shape[1]), targets);
        Node total = Dense ? t.Sum(1, keepDimensions: true) : node.Graph.Constant(1);
        return input switch
        {
            0 => scale * total * y * (dy - (dy * y).Sum(-1, keepDimensions: true)),
            1 => Dense ? scale * ((dy * y).Sum(-1, keepDimensions: true) - dy) : null,
            _ => (dy * ((y * total) - t)).Sum(-1),
        };
    }

    internal override Kernel CreateKernel(KernelArguments arguments) =>
        SoftmaxCrossEntropyPerExample.CreateKernel(Dense, arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2], null, arguments.Output);

    internal override void Evaluate(ReferenceArguments arguments)
    {
        var loss = new SoftmaxCrossEntropyPerExample(Dense);
        (int rows, int classes) = RowKernel.Split(arguments.Shapes[0]);
        for (int r = 0; r < rows; r++)
        {
            ReadOnlySpan<double> z = arguments.Inputs[0].AsSpan(r * classes, classes);
            double logSum = NativeBackprop.Ops.LogSumExp.Value(z), total = 0;
            for (int c = 0; c < classes; c++)
            {
                total += loss.Target(arguments, r, c);
            }

            for (int c = 0; c < classes; c++)
            {
                arguments.Output[(r * classes) + c] = arguments.Inputs[2][r] * ((Math.Exp(z[c] - logSum) * total) - loss.Target(arguments, r, c));
            }
        }
    }
}
