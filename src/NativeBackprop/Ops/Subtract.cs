using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = a − b; da = dy, db = −dy.</summary>
internal sealed unsafe record Subtract : Binary
{
    internal override delegate*<float*, nuint, float*, nuint, nuint, float*, void> Function => &Kernels.nb_subtract_f32;

    internal override double Value(double a, double b) => a - b;

    /// <inheritdoc/>
    protected override Node? Partial(Node node, int input, Node dy) => input == 0 ? dy : -dy;
}
