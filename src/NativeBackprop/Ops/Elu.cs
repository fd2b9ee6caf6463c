using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = x for x > 0, else α(exp(x) − 1); the subgradient at 0 is α, from the left (Clevert, Unterthiner and Hochreiter 2016).</summary>
public sealed unsafe record Elu(float Alpha = 1) : Elementwise
{
    internal override SavedOperand Saved => SavedOperand.Input;

    internal override bool IsKink(double x) => x == 0;

    internal override double Value(double x) => x > 0 ? x : Alpha * Precise.ExpM1(x);

    internal override double Derivative(double saved) => saved > 0 ? 1 : Alpha * Math.Exp(saved);

    internal override Node? SecondDerivative(Node saved) => Alpha * (saved - saved.Relu()).Exp() * saved.Graph.Add(new GreaterEqual(), saved.Graph.Constant(0), saved);

    internal override void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y) =>
        Kernels.nb_elu_forward_f32(z, b, rows, cols, ld, Alpha, y);

    internal override void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db) =>
        Kernels.nb_elu_backward_f32(dy, s, rows, cols, ld, Alpha, dz, db);
}
