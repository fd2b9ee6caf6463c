using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = min(a, b). The gradient is routed to the smaller operand, to the first at a tie.</summary>
internal sealed unsafe record Minimum : Binary
{
    internal override delegate*<float*, nuint, float*, nuint, nuint, float*, void> Function => &Kernels.nb_minimum_f32;

    internal override double Value(double a, double b) => double.IsNaN(a) || double.IsNaN(b) ? double.NaN : a <= b ? a : b;

    /// <inheritdoc/>
    protected override Node? Partial(Node node, int input, Node dy) =>
        dy * (input == 0 ? node.Graph.Add(new GreaterEqual(), node.Inputs[1], node.Inputs[0]) : node.Graph.Add(new Greater(), node.Inputs));
}
