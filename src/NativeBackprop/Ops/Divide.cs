using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = a / b; da = dy / b, db = −dy ⊙ y / b.</summary>
internal sealed unsafe record Divide : Binary
{
    internal override delegate*<float*, nuint, float*, nuint, nuint, float*, void> Function => &Kernels.nb_divide_f32;

    internal override double Value(double a, double b) => a / b;

    /// <inheritdoc/>
    protected override Node? Partial(Node node, int input, Node dy) => input == 0 ? dy / node.Inputs[1] : -(dy * node / node.Inputs[1]);
}
