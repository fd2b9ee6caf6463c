using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = x·σ(x) (Elfwing, Uchibe and Doya 2018); f′ = σ(1 + x(1 − σ)).</summary>
public sealed unsafe record Silu : Elementwise
{
    internal override SavedOperand Saved => SavedOperand.Input;

    internal override double Value(double x) => x / (1 + Math.Exp(-x));

    internal override double Derivative(double saved) => Slope(saved, 1 / (1 + Math.Exp(-saved)));

    internal override Node? SecondDerivative(Node saved) => Second(saved, saved.Sigmoid());

    internal override void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y) =>
        Kernels.nb_silu_forward_f32(z, b, rows, cols, ld, y);

    internal override void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db) =>
        Kernels.nb_silu_backward_f32(dy, s, rows, cols, ld, dz, db);

    private static double Slope(double x, double s) => s * (1 + (x * (1 - s)));

    // f″ = σ(1 − σ)(2 + x(1 − 2σ))
    private static Node Second(Node x, Node s) => s * (1 - s) * (2 + (x * (1 - (2 * s))));
}
