using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = tanh(x) = 2σ(2x) − 1; f′ = 1 − y² (lecture notes 002).</summary>
public sealed unsafe record Tanh : Elementwise
{
    internal override SavedOperand Saved => SavedOperand.Output;

    internal override double Value(double x) => Math.Tanh(x);

    internal override double Derivative(double saved) => 1 - (saved * saved);

    internal override Node? SecondDerivative(Node saved) => -2 * saved;

    internal override void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y) =>
        Kernels.nb_tanh_forward_f32(z, b, rows, cols, ld, y);

    internal override void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db) =>
        Kernels.nb_tanh_backward_f32(dy, s, rows, cols, ld, dz, db);
}
