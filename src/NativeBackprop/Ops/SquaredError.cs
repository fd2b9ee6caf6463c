using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// Each example's loss l = mean over its outputs of (y − t)², for y and t of shape [N, K]: the cross-entropy of a Gaussian of unit
/// variance up to a constant (lecture notes 002, linear output units).
/// </summary>
internal sealed record SquaredError : Op
{
    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0].Rank != 2
        ? throw new ShapeException($"expected an output of shape [N, K], got {inputs[0]}")
        : inputs[0].Equals(inputs[1])
        ? inputs[0].Without(-1)
        : throw new ShapeException($"expected targets of shape {inputs[0]}, got {inputs[1]}");

    internal override Node? Gradient(Node node, int input, Node dy) =>
        node.Graph.Add(new SquaredErrorGradient(), node.Inputs[input], node.Inputs[1 - input], dy);

    internal override Kernel CreateKernel(KernelArguments arguments) =>
        CreateKernel(arguments.Inputs[0], arguments.Inputs[1], null, arguments.Output, null);

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (int rows, int columns) = RowKernel.Split(arguments.Shapes[0]);
        for (int i = 0; i < rows * columns; i++)
        {
            double error = arguments.Inputs[0][i] - arguments.Inputs[1][i];
            arguments.Output[i / columns] += error * error / columns;
        }
    }

    /// <summary>The kernel that computes the losses l, the gradient dy, or both in one pass.</summary>
    internal static unsafe Kernel CreateKernel(Operand y, Operand targets, Operand? dl, Operand? l, Operand? dy)
    {
        (int rows, int columns) = RowKernel.Split(y.Shape);
        return new RowKernel("nb_squared_error_f32", rows, columns, dy is null ? 2 : 3, (first, count) =>
        {
            long at = (long)first * columns;
            Kernels.nb_squared_error_f32(
                y.Data + at, targets.Data + at, dl is { } s ? s.Data + first : null, count, (nuint)columns,
                l is { } v ? v.Data + first : null, dy is { } g ? g.Data + at : null);
        });
    }
}

/// <summary>dy = dl·2(y − t)/K. Inputs: y, t, and the upstream gradient dl of each example's loss.</summary>
internal sealed record SquaredErrorGradient : Op
{
    internal override bool CanOverwrite(int input, int output) => input == 0;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0];

    internal override Node? Gradient(Node node, int input, Node dy)
    {
        (Node y, Node t, Node dl) = (node.Inputs[0], node.Inputs[1], node.Inputs[2]);
        Node direct = 2f / y.Shape[1] * dl.Reshape(dl.Shape.Column()) * dy;
        return input switch
        {
            0 => direct,
            1 => -direct,
            _ => 2f / y.Shape[1] * (dy * (y - t)).Sum(-1),
        };
    }

    internal override Kernel CreateKernel(KernelArguments arguments) =>
        SquaredError.CreateKernel(arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2], null, arguments.Output);

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (_, int columns) = RowKernel.Split(arguments.Shapes[0]);
        for (int i = 0; i < arguments.Output.Length; i++)
        {
            arguments.Output[i] = arguments.Inputs[2][i / columns] * 2 * (arguments.Inputs[0][i] - arguments.Inputs[1][i]) / columns;
        }
    }
}
