using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = √x for x ≥ 0; f′ = 1/(2y).</summary>
public sealed unsafe record Sqrt : Elementwise
{
    internal override SavedOperand Saved => SavedOperand.Output;

    internal override string? Domain => "x ≥ 0";

    internal override double Value(double x) => Math.Sqrt(x);

    internal override double Derivative(double saved) => 0.5 / saved;

    internal override Node? SecondDerivative(Node saved) => -0.5f * saved.Reciprocal().Square();

    internal override bool Accepts(float x) => !(x < 0);

    internal override void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y) =>
        Kernels.nb_sqrt_forward_f32(z, b, rows, cols, ld, y);

    internal override void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db) =>
        Kernels.nb_sqrt_backward_f32(dy, s, rows, cols, ld, dz, db);
}
