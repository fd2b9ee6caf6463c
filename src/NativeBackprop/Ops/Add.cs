using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = a + b. The gradient is distributed: da = dy, db = dy (lecture notes 001, patterns in backward flow).</summary>
internal sealed unsafe record Add : Binary
{
    internal override delegate*<float*, nuint, float*, nuint, nuint, float*, void> Function => &Kernels.nb_add_f32;

    internal override double Value(double a, double b) => a + b;

    /// <inheritdoc/>
    protected override Node? Partial(Node node, int input, Node dy) => dy;
}
