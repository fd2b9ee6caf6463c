namespace NativeBackprop.Ops;

/// <summary>An op on two operands, element by element, with numpy's broadcasting. Its gradients are summed back over what was broadcast.</summary>
internal abstract unsafe record Binary : Op
{
    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => Shape.Broadcast(inputs[0], inputs[1]);

    internal override bool CanOverwrite(int input, int output) => true;

    internal sealed override Node? Gradient(Node node, int input, Node dy) =>
        Partial(node, input, dy)?.SumTo(node.Inputs[input].Shape);

    internal override Kernel CreateKernel(KernelArguments arguments) =>
        new BinaryKernel($"nb_{Name}_f32", Function, arguments.Inputs[0], arguments.Inputs[1], arguments.Output);

    internal sealed override void Evaluate(ReferenceArguments arguments)
    {
        int[] a = Positions(arguments.Shapes[0], arguments.OutputShape), b = Positions(arguments.Shapes[1], arguments.OutputShape);
        for (int i = 0; i < arguments.Output.Length; i++)
        {
            arguments.Output[i] = Value(arguments.Inputs[0][a[i]], arguments.Inputs[1][b[i]]);
        }
    }

    /// <summary>a ∘ b in double precision.</summary>
    internal abstract double Value(double a, double b);

    /// <summary>dy times the partial derivative with respect to one operand, in the result's shape; null when zero.</summary>
    protected abstract Node? Partial(Node node, int input, Node dy);

    internal abstract delegate*<float*, nuint, float*, nuint, nuint, float*, void> Function { get; }

    /// <summary>For each element of a shape, the position in an operand that is broadcast to it.</summary>
    internal static int[] Positions(Shape operand, Shape shape)
    {
        var positions = new int[shape.Length];
        int[] own = operand.Strides(), whole = shape.Strides();
        for (int i = 0; i < positions.Length; i++)
        {
            for (int d = 1; d <= operand.Rank; d++)
            {
                positions[i] += operand[-d] == 1 ? 0 : i / whole[^d] % shape[-d] * own[^d];
            }
        }

        return positions;
    }
}

/// <summary>y = a ∘ b with broadcasting.</summary>
internal sealed unsafe class BinaryKernel : Kernel
{
    private readonly string _call;
    private readonly delegate*<float*, nuint, float*, nuint, nuint, float*, void> _function;
    private readonly Operand _a, _b, _y;
    private readonly StridedLoop _loop;
    private readonly nuint _aStride, _bStride;

    public BinaryKernel(string call, delegate*<float*, nuint, float*, nuint, nuint, float*, void> function, Operand a, Operand b, Operand y)
    {
        _function = function;
        (_call, _a, _b, _y) = (call, a, b, y);
        _loop = new StridedLoop(y.Shape, StridedLoop.Broadcast(a.Shape, y.Shape), StridedLoop.Broadcast(b.Shape, y.Shape));
        (_aStride, _bStride) = ((nuint)_loop.InnerStrides[0], (nuint)_loop.InnerStrides[1]);
        (Units, Grain) = _loop.Outer == 1 ? (_loop.Inner, PinnedBuffer.AlignmentInFloats) : (_loop.Outer, 1);
        (Flops, Bytes) = (y.Length, sizeof(float) * ((long)a.Length + b.Length + y.Length));
    }

    public override string Call => _call;

    public override void Run(int begin, int end, int thread)
    {
        float* a = _a.Data, b = _b.Data, y = _y.Data;
        if (_loop.Outer == 1)
        {
            _function(a + (nuint)begin * _aStride, _aStride, b + (nuint)begin * _bStride, _bStride, (nuint)(end - begin), y + begin);
            return;
        }

        for (int row = begin; row < end; row++)
        {
            _function(a + _loop.Offset(0, row), _aStride, b + _loop.Offset(1, row), _bStride, (nuint)_loop.Inner, y + (long)row * _loop.Inner);
        }
    }
}
