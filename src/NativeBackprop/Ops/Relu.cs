using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = max(0, x). The subgradient at 0 is 0, the derivative from the left; the second derivative is 0 (lecture notes 002).</summary>
public sealed unsafe record Relu : Elementwise
{
    internal override SavedOperand Saved => SavedOperand.Output;

    internal override bool IsKink(double x) => x == 0;

    internal override double Value(double x) => Math.Max(0, x);

    internal override double Derivative(double saved) => saved > 0 ? 1 : 0;

    internal override Node? SecondDerivative(Node saved) => null;

    internal override void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y) =>
        Kernels.nb_relu_forward_f32(z, b, rows, cols, ld, y);

    internal override void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db) =>
        Kernels.nb_relu_backward_f32(dy, s, rows, cols, ld, dz, db);
}
