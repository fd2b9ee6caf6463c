namespace NativeBackprop.Ops;

/// <summary>
/// Gives a variable another value, in place: what a training step changes besides parameters, such as running statistics.
/// </summary>
/// <remarks>Input 0 is the variable, input 1 the value, of the same shape. The result is the variable's memory afterwards.</remarks>
internal sealed record Assign : Op
{
    internal override int Arity => 2;

    // Asked for twice it is done twice: between the two another value may have been assigned.
    internal override bool IsPure => false;

    internal override bool IsTransparent => true;

    internal override bool Updates(int input) => input == 0;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0].Equals(inputs[1])
        ? inputs[0]
        : throw new ShapeException($"a variable of shape {inputs[0]} cannot take a value of shape {inputs[1]}");

    internal override Node? Gradient(Node node, int input, Node dy) =>
        throw new GraphException($"{node}: an assignment has no gradient");

    internal override Kernel CreateKernel(KernelArguments arguments)
    {
        Operand value = arguments.Inputs[1];
        return new ActionKernel("assign", arguments.Output, y => value.Span.CopyTo(y));
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        arguments.Inputs[1].CopyTo(arguments.Inputs[0], 0);
        arguments.Inputs[1].CopyTo(arguments.Output, 0);
    }
}
