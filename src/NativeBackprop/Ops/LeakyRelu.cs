using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = max(0, x) + slope·min(0, x); the subgradient at 0 is the negative slope (lecture notes 002, relu generalizations).</summary>
public sealed unsafe record LeakyRelu(float NegativeSlope = 0.01f) : Elementwise
{
    internal override SavedOperand Saved => SavedOperand.Input;

    internal override bool IsKink(double x) => x == 0;

    internal override double Value(double x) => x > 0 ? x : NegativeSlope * x;

    internal override double Derivative(double saved) => saved > 0 ? 1 : NegativeSlope;

    internal override Node? SecondDerivative(Node saved) => null;

    internal override void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y) =>
        Kernels.nb_leaky_relu_forward_f32(z, b, rows, cols, ld, NegativeSlope, y);

    internal override void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db) =>
        Kernels.nb_leaky_relu_backward_f32(dy, s, rows, cols, ld, NegativeSlope, dz, db);
}
