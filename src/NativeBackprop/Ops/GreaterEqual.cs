using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = 1 where a ≥ b, else 0. Piecewise constant: its gradient is zero.</summary>
internal sealed unsafe record GreaterEqual : Binary
{
    internal override delegate*<float*, nuint, float*, nuint, nuint, float*, void> Function => &Kernels.nb_greater_equal_f32;

    internal override double Value(double a, double b) => a >= b ? 1 : 0;

    /// <inheritdoc/>
    protected override Node? Partial(Node node, int input, Node dy) => null;
}
