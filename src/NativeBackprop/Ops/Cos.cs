using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = cos(x), which trains on MNIST as a hidden unit too (lecture notes 002); f′ = −sin(x).</summary>
public sealed unsafe record Cos : Elementwise
{
    internal override SavedOperand Saved => SavedOperand.Input;

    internal override double Value(double x) => Math.Cos(x);

    internal override double Derivative(double saved) => -Math.Sin(saved);

    internal override Node? SecondDerivative(Node saved) => -saved.Cos();

    internal override void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y) =>
        Kernels.nb_cos_forward_f32(z, b, rows, cols, ld, y);

    internal override void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db) =>
        Kernels.nb_cos_backward_f32(dy, s, rows, cols, ld, dz, db);
}
