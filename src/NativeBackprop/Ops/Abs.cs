using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = |x|, absolute value rectification; the subgradient at 0 is 0, as PyTorch's (lecture notes 002).</summary>
public sealed unsafe record Abs : Elementwise
{
    internal override SavedOperand Saved => SavedOperand.Input;

    internal override bool IsKink(double x) => x == 0;

    internal override double Value(double x) => Math.Abs(x);

    internal override double Derivative(double saved) => Math.Sign(saved);

    internal override Node? SecondDerivative(Node saved) => null;

    internal override void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y) =>
        Kernels.nb_abs_forward_f32(z, b, rows, cols, ld, y);

    internal override void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db) =>
        Kernels.nb_abs_backward_f32(dy, s, rows, cols, ld, dz, db);
}
