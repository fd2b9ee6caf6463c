namespace NativeBackprop.Ops;

/// <summary>The same number at every position. Folded into the plan when it is compiled.</summary>
internal sealed record Fill(float Value, Shape Shape) : Op
{
    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => Shape;

    internal override Node? Gradient(Node node, int input, Node dy) => null;

    internal override Kernel CreateKernel(KernelArguments arguments) => new ActionKernel("fill", arguments.Output, y => y.Fill(Value));

    internal override void Evaluate(ReferenceArguments arguments) => Array.Fill(arguments.Output, Value);
}

/// <summary>Given numbers. Folded into the plan when it is compiled.</summary>
internal sealed record Constant(ReadOnlyMemory<float> Values, Shape Shape) : Op
{
    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => Shape;

    internal override Node? Gradient(Node node, int input, Node dy) => null;

    internal override Kernel CreateKernel(KernelArguments arguments) => new ActionKernel("copy", arguments.Output, y => Values.Span.CopyTo(y));

    internal override void Evaluate(ReferenceArguments arguments)
    {
        for (int i = 0; i < arguments.Output.Length; i++)
        {
            arguments.Output[i] = Values.Span[i];
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
