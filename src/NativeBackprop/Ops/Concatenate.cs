namespace NativeBackprop.Ops;

/// <summary>The operands one after the other along an axis. The gradient of each is its slice.</summary>
internal sealed record Concatenate(int Axis) : Op
{
    internal override int Arity => AnyNumber;

    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => Axis > 0;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Shape first = inputs.Length > 0 ? inputs[0] : throw new ShapeException("expected at least one operand, got none");
        if (Axis < 0 || Axis >= first.Rank)
        {
            throw new ShapeException($"axis {Axis} lies outside 0..{first.Rank - 1}");
        }

        int extent = 0;
        foreach (Shape shape in inputs)
        {
            if (shape.Rank != first.Rank || !shape.With(Axis, 1).Equals(first.With(Axis, 1)))
            {
                throw new ShapeException($"expected {first} in every dimension but {Axis}, got {shape}");
            }

            extent = Shape.IsOpen(shape[Axis])
                ? throw new ShapeException($"the batch dimension cannot be concatenated: axis {Axis} of {shape} is not known yet")
                : extent <= int.MaxValue - shape[Axis] ? extent + shape[Axis]
                : throw new ShapeException($"the operands together have more than {int.MaxValue} elements along axis {Axis}");
        }

        return first.With(Axis, extent);
    }

    internal override Node? Gradient(Node node, int input, Node dy) =>
        dy.Graph.Add(new Slice(Axis, Start(node.Inputs, input), node.Inputs[input].Shape[Axis]), dy);

    internal override Kernel CreateKernel(KernelArguments arguments)
    {
        var parts = new ConcatenateKernel.Part[arguments.Inputs.Length];
        for (int i = 0, start = 0; i < parts.Length; start += arguments.Inputs[i++].Shape[Axis])
        {
            parts[i] = new(arguments.Inputs[i], start);
        }

        return new ConcatenateKernel(Axis, parts, arguments.Output, fills: false);
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (int outer, int inner) = Pad.Around(arguments.OutputShape, Axis);
        int to = arguments.OutputShape[Axis], start = 0;
        for (int i = 0; i < arguments.Inputs.Length; i++)
        {
            int from = arguments.Shapes[i][Axis];
            for (int o = 0; o < outer; o++)
            {
                Array.Copy(arguments.Inputs[i], o * from * inner, arguments.Output, ((o * to) + start) * inner, from * inner);
            }

            start += from;
        }
    }

    private int Start(ReadOnlySpan<Node> inputs, int input)
    {
        int start = 0;
        for (int i = 0; i < input; i++)
        {
            start += inputs[i].Shape[Axis];
        }

        return start;
    }
}

/// <summary>Copies operands to their places along an axis, over zeros when they do not cover the result.</summary>
internal sealed class ConcatenateKernel : Kernel
{
    private readonly StridedCopyKernel[] _copies;
    private readonly Operand _y;
    private readonly bool _fills;

    public ConcatenateKernel(int axis, ReadOnlySpan<Part> parts, Operand y, bool fills)
    {
        (_y, _fills) = (y, fills);
        int[] strides = y.Shape.Strides();
        _copies = new StridedCopyKernel[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            Operand x = parts[i].Operand;
            _copies[i] = new StridedCopyKernel(x.Shape, x, 0, x.Shape.Strides(), y, parts[i].Start * strides[axis], strides);
        }

        Bytes = 2L * sizeof(float) * y.Length;
    }

    public override string Call => "copy";

    public override void Run(int begin, int end, int thread)
    {
        if (_fills)
        {
            _y.Span.Clear();
        }

        foreach (StridedCopyKernel copy in _copies)
        {
            copy.Run(0, copy.Units, thread);
        }
    }

    internal readonly record struct Part(Operand Operand, int Start);
}
