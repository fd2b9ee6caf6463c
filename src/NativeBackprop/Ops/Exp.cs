using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = exp(x); f′ = y.</summary>
public sealed unsafe record Exp : Elementwise
{
    internal override SavedOperand Saved => SavedOperand.Output;

    internal override double Value(double x) => Math.Exp(x);

    internal override double Derivative(double saved) => saved;

    internal override Node? SecondDerivative(Node saved) => saved.Graph.Constant(1);

    internal override void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y) =>
        Kernels.nb_exp_forward_f32(z, b, rows, cols, ld, y);

    internal override void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db) =>
        Kernels.nb_exp_backward_f32(dy, s, rows, cols, ld, dz, db);
}
