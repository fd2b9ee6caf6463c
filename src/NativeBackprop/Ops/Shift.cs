using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = x + k for a constant k.</summary>
public sealed unsafe record Shift(float Offset) : Elementwise
{
    internal override SavedOperand Saved => SavedOperand.None;

    internal override Node? Gradient(Node node, int input, Node dy) => dy;

    internal override double Value(double x) => x + Offset;

    internal override double Derivative(double saved) => 1;

    internal override Node? SecondDerivative(Node saved) => null;

    internal override void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y) =>
        Kernels.nb_shift_forward_f32(z, b, rows, cols, ld, Offset, y);

    internal override void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db) =>
        Kernels.nb_shift_backward_f32(dy, s, rows, cols, ld, Offset, dz, db);
}
