using static NativeBackprop.Interop.Kernels;

namespace NativeBackprop.Ops;

/// <summary>
/// A function of two numbers, element by element, with numpy's broadcasting. Gradients are summed back over what was broadcast. The table
/// of them is here: a row each, with the native call, the value in double precision, and the gradient.
/// </summary>
internal sealed unsafe record Binary : Op
{
    /// <summary>y = a + b. The gradient is distributed: da = dy, db = dy (lecture notes 001, patterns in backward flow).</summary>
    public static readonly Binary Add = new("add", &nb_add_f32, (a, b) => a + b, (_, _, dy) => dy);

    /// <summary>y = a − b; da = dy, db = −dy.</summary>
    public static readonly Binary Subtract = new("subtract", &nb_subtract_f32, (a, b) => a - b, (_, input, dy) => input == 0 ? dy : -dy);

    /// <summary>y = a ⊙ b. The operands switch: da = dy ⊙ b, db = dy ⊙ a (lecture notes 001, the multiply gate).</summary>
    public static readonly Binary Multiply = new(
        "multiply", &nb_multiply_f32, (a, b) => a * b,
        (node, input, dy) => IsOne(dy, node) ? node.Inputs[1 - input] : dy * node.Inputs[1 - input]);

    /// <summary>y = a / b; da = dy / b, db = −dy ⊙ y / b.</summary>
    public static readonly Binary Divide = new(
        "divide", &nb_divide_f32, (a, b) => a / b, (node, input, dy) => input == 0 ? dy / node.Inputs[1] : -(dy * node / node.Inputs[1]));

    /// <summary>y = 1 where a > b, else 0. Piecewise constant: its gradient is zero.</summary>
    public static readonly Binary Greater = new("greater", &nb_greater_f32, (a, b) => a > b ? 1 : 0, (_, _, _) => null);

    /// <summary>y = 1 where a ≥ b, else 0. Piecewise constant: its gradient is zero.</summary>
    public static readonly Binary GreaterEqual = new(
        "greater_equal", &nb_greater_equal_f32, (a, b) => a >= b ? 1 : 0, (_, _, _) => null);

    /// <summary>y = 1 where a = b, else 0. Piecewise constant: its gradient is zero.</summary>
    public static readonly Binary Equal = new("equal", &nb_equal_f32, (a, b) => a == b ? 1 : 0, (_, _, _) => null);

    /// <summary>
    /// y = max(a, b). The gradient is routed to the larger operand, to the first at a tie (lecture notes 001, the max gate).
    /// </summary>
    public static readonly Binary Maximum = new(
        "maximum", &nb_maximum_f32, (a, b) => IsNaN(a, b) ? double.NaN : a >= b ? a : b,
        (node, input, dy) => dy * Wins(node, input, isLargest: true));

    /// <summary>y = min(a, b). The gradient is routed to the smaller operand, to the first at a tie.</summary>
    public static readonly Binary Minimum = new(
        "minimum", &nb_minimum_f32, (a, b) => IsNaN(a, b) ? double.NaN : a <= b ? a : b,
        (node, input, dy) => dy * Wins(node, input, isLargest: false));

    /// <summary>Every row.</summary>
    public static readonly IReadOnlyList<Binary> All = [Add, Subtract, Multiply, Divide, Greater, GreaterEqual, Equal, Maximum, Minimum];

    // The native call; a record may not have a field of a pointer's type.
    private readonly nint _function;
    private readonly Func<double, double, double> _value;
    private readonly Func<Node, int, Node, Node?> _partial;

    private Binary(
        string name,
        delegate*<float*, nuint, float*, nuint, nuint, float*, void> function,
        Func<double, double, double> value,
        Func<Node, int, Node, Node?> partial)
    {
        Name = name;
        (_function, _value, _partial) = ((nint)function, value, partial);
    }

    /// <inheritdoc/>
    public override string Name { get; }

    internal override int Arity => 2;

    /// <summary>Rows are told apart by what they are: there is one of each.</summary>
    public bool Equals(Binary? other) => ReferenceEquals(this, other);

    /// <inheritdoc/>
    public override int GetHashCode() => Name.GetHashCode(StringComparison.Ordinal);

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => Shape.Broadcast(inputs[0], inputs[1]);

    internal override bool CanOverwrite(int input, int output) => true;

    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => AlignsRows(node, byRow);

    internal override Node? Gradient(Node node, int input, Node dy) => _partial(node, input, dy)?.SumTo(node.Inputs[input].Shape);

    internal override Kernel CreateKernel(KernelArguments arguments) =>
        new BinaryKernel(
            $"nb_{Name}_f32", (delegate*<float*, nuint, float*, nuint, nuint, float*, void>)_function,
            arguments.Inputs[0], arguments.Inputs[1], arguments.Output);

    internal override void Evaluate(ReferenceArguments arguments)
    {
        int[] a = Positions(arguments.Shapes[0], arguments.OutputShape), b = Positions(arguments.Shapes[1], arguments.OutputShape);
        for (int i = 0; i < arguments.Output.Length; i++)
        {
            arguments.Output[i] = Value(arguments.Inputs[0][a[i]], arguments.Inputs[1][b[i]]);
        }
    }

    /// <summary>a ∘ b in double precision.</summary>
    internal double Value(double a, double b) => _value(a, b);

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

    // A gradient that starts at 1 leaves the other factor as it is, and known where that is known.
    private static bool IsOne(Node dy, Node node) => dy.Op is Fill { Value: 1 } && node.Inputs[0].Shape.Equals(node.Inputs[1].Shape);

    private static bool IsNaN(double a, double b) => double.IsNaN(a) || double.IsNaN(b);

    // 1 where an operand is the larger (or the smaller) one, or the first at a tie; else 0.
    private static Node Wins(Node node, int input, bool isLargest)
    {
        (Node own, Node other) = (node.Inputs[input], node.Inputs[1 - input]);
        return node.Graph.Add(input == 0 ? GreaterEqual : Greater, isLargest ? own : other, isLargest ? other : own);
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
            _function(a + ((nuint)begin * _aStride), _aStride, b + ((nuint)begin * _bStride), _bStride, (nuint)(end - begin), y + begin);
            return;
        }

        for (int row = begin; row < end; row++)
        {
            float* left = a + _loop.Offset(0, row), right = b + _loop.Offset(1, row);
            _function(left, _aStride, right, _bStride, (nuint)_loop.Inner, y + ((long)row * _loop.Inner));
        }
    }
}
