namespace NativeBackprop.Ops;

/// <summary>The elements Start..Start+Length−1 along one axis. Its gradient stands among zeros.</summary>
internal sealed record Slice(int Axis, int Start, int Length) : Op
{
    // What lies along the leading axis is in one piece.
    internal override bool IsView => Axis == 0;

    internal override int ViewStart(Shape input) => Start * input.Without(0).Length;

    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => Axis > 0;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Shape x = inputs[0];
        if (Axis < 0 || Axis >= x.Rank)
        {
            throw new ShapeException($"axis {Axis} lies outside 0..{x.Rank - 1}");
        }

        return Shape.IsOpen(x[Axis])
            ? throw new ShapeException($"the batch dimension cannot be sliced: axis {Axis} of {x} is not known yet")
            : Start < 0 || Length < 0 || Start > x[Axis] - Length
            ? throw new ShapeException($"{Start}..{Start + Length - 1} lies outside 0..{x[Axis] - 1} of axis {Axis}")
            : x.With(Axis, Length);
    }

    internal override Node? Gradient(Node node, int input, Node dy)
    {
        int extent = node.Inputs[0].Shape[Axis];
        return dy.Graph.Add(new Pad(Axis, Start, extent - Start - Length), dy);
    }

    internal override Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand x, Operand y) = (arguments.Inputs[0], arguments.Output);
        int[] strides = x.Shape.Strides();
        return new StridedCopyKernel(y.Shape, x, Start * strides[Axis], strides, y, 0, y.Shape.Strides());
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (int outer, int inner) = Pad.Around(arguments.Shapes[0], Axis);
        int extent = arguments.Shapes[0][Axis];
        for (int o = 0; o < outer; o++)
        {
            Array.Copy(arguments.Inputs[0], ((o * extent) + Start) * inner, arguments.Output, o * Length * inner, Length * inner);
        }
    }
}

/// <summary>Zeros before and after x along one axis. Its gradient is a slice.</summary>
internal sealed record Pad(int Axis, int Before, int After) : Op
{
    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Shape x = inputs[0];
        if (Axis < 0 || Axis >= x.Rank)
        {
            throw new ShapeException($"axis {Axis} lies outside 0..{x.Rank - 1}");
        }

        if (Shape.IsOpen(x[Axis]))
        {
            throw new ShapeException($"the batch dimension cannot be padded: axis {Axis} of {x} is not known yet");
        }

        return Before < 0 || After < 0 || (long)Before + x[Axis] + After > int.MaxValue
            ? throw new ShapeException($"{Before} zeros before and {After} after axis {Axis} of {x} make no extent in 0..{int.MaxValue}")
            : x.With(Axis, Before + x[Axis] + After);
    }

    internal override Node? Gradient(Node node, int input, Node dy) =>
        dy.Graph.Add(new Slice(Axis, Before, node.Inputs[0].Shape[Axis]), dy);

    internal override Kernel CreateKernel(KernelArguments arguments) =>
        new ConcatenateKernel(Axis, [new(arguments.Inputs[0], Before)], arguments.Output, fills: true);

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (int outer, int inner) = Around(arguments.Shapes[0], Axis);
        (int from, int to) = (arguments.Shapes[0][Axis], arguments.OutputShape[Axis]);
        for (int o = 0; o < outer; o++)
        {
            Array.Copy(arguments.Inputs[0], o * from * inner, arguments.Output, ((o * to) + Before) * inner, from * inner);
        }
    }

    /// <summary>The number of blocks along an axis and the elements of one step along it.</summary>
    internal static (int Outer, int Inner) Around(Shape shape, int axis)
    {
        (int outer, int inner) = (1, 1);
        for (int d = 0; d < shape.Rank; d++)
        {
            outer *= d < axis ? shape[d] : 1;
            inner *= d > axis ? shape[d] : 1;
        }

        return (outer, inner);
    }
}
