namespace NativeBackprop.Ops;

/// <summary>The same number at every position. Folded into the plan when it is compiled.</summary>
internal sealed record Fill(float Value, Shape Shape) : Op
{
    // 0 and −0 are equal numbers but other constants: 1/x tells them apart.
    private readonly int _bits = BitConverter.SingleToInt32Bits(Value);

    internal override int Arity => 0;

    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => true;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => Shape;

    internal override Node? Gradient(Node node, int input, Node dy) => null;

    internal override Kernel CreateKernel(KernelArguments arguments) => new ActionKernel("fill", arguments.Output, y => y.Fill(Value));

    internal override void Evaluate(ReferenceArguments arguments) => Array.Fill(arguments.Output, Value);
}

/// <summary>
/// Given numbers, copied, so that nobody changes them afterwards. Folded into the plan when it is compiled. Two constants are two nodes:
/// to look for equal ones would cost a pass over their values.
/// </summary>
internal sealed record Constant : Op
{
    private readonly float[] _values;

    /// <exception cref="ShapeException">The number of values is not the shape's.</exception>
    public Constant(ReadOnlySpan<float> values, Shape shape)
    {
        Shape = values.Length == shape.Length
            ? shape
            : throw new ShapeException($"a constant of shape {shape} needs {shape.Length} values, got {values.Length}");
        _values = values.ToArray();
    }

    /// <summary>Extents; never symbolic.</summary>
    public Shape Shape { get; }

    /// <summary>The numbers.</summary>
    public ReadOnlySpan<float> Values => _values;

    internal override int Arity => 0;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => Shape;

    internal override Node? Gradient(Node node, int input, Node dy) => null;

    internal override Kernel CreateKernel(KernelArguments arguments) => new ActionKernel("copy", arguments.Output, y => _values.CopyTo(y));

    internal override void Evaluate(ReferenceArguments arguments)
    {
        for (int i = 0; i < arguments.Output.Length; i++)
        {
            arguments.Output[i] = _values[i];
        }
    }
}

/// <summary>A kernel that fills one operand by managed code, for what runs once when a plan is compiled.</summary>
internal sealed class ActionKernel(string call, Operand y, FillAction action) : Kernel
{
    public override string Call => call;

    public override void Run(int begin, int end, int thread) => action(y.Span);
}

/// <summary>Writes an operand's elements.</summary>
internal delegate void FillAction(Span<float> y);
