namespace NativeBackprop.Ops;

/// <summary>The mean over adjacent axes. Its gradient is spread evenly: every term gets dy / count.</summary>
internal sealed record Mean(int Axis, int Axes, bool KeepDimensions = false) : Reduction(Axis, Axes, KeepDimensions)
{
    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Shape shape = base.InferShape(inputs);
        RequireElements("mean", inputs[0]);
        return shape;
    }

    internal override Node? Gradient(Node node, int input, Node dy)
    {
        Shape shape = node.Inputs[0].Shape;
        return node.Graph.Add(new Spread(shape, Axis, Axes), Restore(dy, shape));
    }

    internal override Kernel CreateKernel(KernelArguments arguments)
    {
        (int outer, int reduce, int inner) = Split(arguments.Inputs[0].Shape);
        return new SumKernel(arguments.Inputs[0], outer, reduce, inner, 1f / reduce, arguments.Output);
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] x, double[] y) = (arguments.Inputs[0], arguments.Output);
        ForEach(arguments.Shapes[0], (result, first, count, stride) =>
        {
            for (int i = 0; i < count; i++)
            {
                y[result] += x[first + (i * stride)] / count;
            }
        });
    }
}

/// <summary>
/// The transpose of <see cref="Mean"/>: repeats x along axes where it has extent 1, divided by how often. The count is
/// known only when the batch size is, which is why this is an op of its own.
/// </summary>
internal sealed record Spread(Shape Shape, int Axis, int Axes) : Op
{
    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Reduction.RequireAxes(Shape, Axis, Axes);
        Shape expected = Reduction.Ones(Shape, Axis, Axes);
        return inputs[0].Equals(expected) ? Shape : throw new ShapeException($"expected {expected} to spread to {Shape}, got {inputs[0]}");
    }

    internal override Node? Gradient(Node node, int input, Node dy) => node.Graph.Add(new Mean(Axis, Axes, true), dy);

    internal override Kernel CreateKernel(KernelArguments arguments) => new SpreadKernel(arguments.Inputs[0], arguments.Output);

    internal override void Evaluate(ReferenceArguments arguments)
    {
        int[] positions = Binary.Positions(arguments.Shapes[0], arguments.OutputShape);
        double count = (double)arguments.Output.Length / arguments.Inputs[0].Length;
        for (int i = 0; i < positions.Length; i++)
        {
            arguments.Output[i] = arguments.Inputs[0][positions[i]] / count;
        }
    }

    private sealed class SpreadKernel : Kernel
    {
        private readonly StridedCopyKernel _copy;
        private readonly Operand _y;
        private readonly float _scale;

        public SpreadKernel(Operand x, Operand y)
        {
            _y = y;
            _scale = (float)x.Length / y.Length;
            _copy = new StridedCopyKernel(y.Shape, x, 0, StridedLoop.Broadcast(x.Shape, y.Shape), y, 0, y.Shape.Strides());
            (Flops, Bytes) = (y.Length, _copy.Bytes);
        }

        public override string Call => "copy, nb_scale_forward_f32";

        public override unsafe void Run(int begin, int end, int thread)
        {
            _copy.Run(0, _copy.Units, thread);
            nuint n = (nuint)_y.Length;
            Interop.Kernels.nb_scale_forward_f32(_y.Data, null, 1, n, n, _scale, _y.Data);
        }
    }
}
