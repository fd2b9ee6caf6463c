using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = k·x for a constant k.</summary>
public sealed unsafe record Scale(float Factor) : Elementwise
{
    internal override SavedOperand Saved => SavedOperand.None;

    internal override Node? Gradient(Node node, int input, Node dy) => Factor * dy;

    internal override double Value(double x) => Factor * x;

    internal override double Derivative(double saved) => Factor;

    internal override Node? SecondDerivative(Node saved) => null;

    internal override void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y) =>
        Kernels.nb_scale_forward_f32(z, b, rows, cols, ld, Factor, y);

    internal override void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db) =>
        Kernels.nb_scale_backward_f32(dy, s, rows, cols, ld, Factor, dz, db);
}
