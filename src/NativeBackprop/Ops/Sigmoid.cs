using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = σ(x) = 1 / (1 + exp(−x)); f′ = y(1 − y) (lecture notes 001).</summary>
public sealed unsafe record Sigmoid : Elementwise
{
    internal override SavedOperand Saved => SavedOperand.Output;

    internal override double Value(double x) => x >= 0 ? 1 / (1 + Math.Exp(-x)) : Math.Exp(x) / (1 + Math.Exp(x));

    internal override double Derivative(double saved) => saved * (1 - saved);

    internal override Node? SecondDerivative(Node saved) => 1 - (2 * saved);

    internal override void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y) =>
        Kernels.nb_sigmoid_forward_f32(z, b, rows, cols, ld, y);

    internal override void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db) =>
        Kernels.nb_sigmoid_backward_f32(dy, s, rows, cols, ld, dz, db);
}
