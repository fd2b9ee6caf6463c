using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = max(a, b). The gradient is routed to the larger operand, to the first at a tie (lecture notes 001, the max gate).</summary>
internal sealed unsafe record Maximum : Binary
{
    internal override delegate*<float*, nuint, float*, nuint, nuint, float*, void> Function => &Kernels.nb_maximum_f32;

    internal override double Value(double a, double b) => double.IsNaN(a) || double.IsNaN(b) ? double.NaN : a >= b ? a : b;

    /// <inheritdoc/>
    protected override Node? Partial(Node node, int input, Node dy) =>
        dy * (input == 0 ? node.Graph.Add(new GreaterEqual(), node.Inputs) : node.Graph.Add(new Greater(), node.Inputs[1], node.Inputs[0]));
}
