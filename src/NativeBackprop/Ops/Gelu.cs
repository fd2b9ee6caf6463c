using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = x·Φ(x) with the normal distribution function Φ (Hendrycks and Gimpel 2016); f′ = Φ + xφ.</summary>
public sealed unsafe record Gelu : Elementwise
{
    internal override SavedOperand Saved => SavedOperand.Input;

    internal override double Value(double x) => x * Precise.NormalDistribution(x);

    internal override double Derivative(double saved) => Precise.NormalDistribution(saved) + (saved * Precise.NormalDensity(saved));

    internal override Node? SecondDerivative(Node saved) => (0.3989422804f * (-0.5f * saved.Square()).Exp()) * (2 - saved.Square());

    internal override void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y) =>
        Kernels.nb_gelu_forward_f32(z, b, rows, cols, ld, y);

    internal override void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db) =>
        Kernels.nb_gelu_backward_f32(dy, s, rows, cols, ld, dz, db);
}
