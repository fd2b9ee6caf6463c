using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = ζ(βx)/β = log(1 + exp(βx))/β, a smooth relu; f′ = σ(βx) (Deep Learning, chapter 6).</summary>
public sealed unsafe record Softplus(float Beta = 1) : Elementwise
{
    internal override SavedOperand Saved => SavedOperand.Input;

    internal override double Value(double x) => (Math.Max(0, Beta * x) + Precise.Log1P(Math.Exp(-Math.Abs(Beta * x)))) / Beta;

    internal override double Derivative(double saved) => 1 / (1 + Math.Exp(-Beta * saved));

    internal override Node? SecondDerivative(Node saved) => Second(saved, (Beta * saved).Sigmoid());

    internal override void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y) =>
        Kernels.nb_softplus_forward_f32(z, b, rows, cols, ld, Beta, y);

    internal override void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db) =>
        Kernels.nb_softplus_backward_f32(dy, s, rows, cols, ld, Beta, dz, db);

    // ∂/∂x σ(βx) = β σ (1 − σ)
    private Node Second(Node x, Node s) => Beta * (s * (1 - s));
}
