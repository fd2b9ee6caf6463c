using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = a ⊙ b. The operands switch: da = dy ⊙ b, db = dy ⊙ a (lecture notes 001, the multiply gate).</summary>
internal sealed unsafe record Multiply : Binary
{
    internal override delegate*<float*, nuint, float*, nuint, nuint, float*, void> Function => &Kernels.nb_multiply_f32;

    internal override double Value(double a, double b) => a * b;

    /// <inheritdoc/>
    protected override Node? Partial(Node node, int input, Node dy) => dy * node.Inputs[1 - input];
}
