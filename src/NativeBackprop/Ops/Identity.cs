using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = x: a linear unit.</summary>
public sealed unsafe record Identity : Elementwise
{
    internal override SavedOperand Saved => SavedOperand.None;

    internal override Node? Gradient(Node node, int input, Node dy) => dy;

    internal override double Value(double x) => x;

    internal override double Derivative(double saved) => 1;

    internal override Node? SecondDerivative(Node saved) => null;

    internal override void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y) =>
        Kernels.nb_identity_forward_f32(z, b, rows, cols, ld, y);

    internal override void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db) =>
        Kernels.nb_identity_backward_f32(dy, s, rows, cols, ld, dz, db);
}
