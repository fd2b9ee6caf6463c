using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = sin(x); f′ = cos(x).</summary>
public sealed unsafe record Sin : Elementwise
{
    internal override SavedOperand Saved => SavedOperand.Input;

    internal override double Value(double x) => Math.Sin(x);

    internal override double Derivative(double saved) => Math.Cos(saved);

    internal override Node? SecondDerivative(Node saved) => -saved.Sin();

    internal override void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y) =>
        Kernels.nb_sin_forward_f32(z, b, rows, cols, ld, y);

    internal override void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db) =>
        Kernels.nb_sin_backward_f32(dy, s, rows, cols, ld, dz, db);
}
