using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = 1/x; f′ = −y² (lecture notes 001).</summary>
public sealed unsafe record Reciprocal : Elementwise
{
    internal override SavedOperand Saved => SavedOperand.Output;

    internal override double Value(double x) => 1 / x;

    internal override double Derivative(double saved) => -saved * saved;

    internal override Node? SecondDerivative(Node saved) => -2 * saved;

    internal override void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y) =>
        Kernels.nb_reciprocal_forward_f32(z, b, rows, cols, ld, y);

    internal override void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db) =>
        Kernels.nb_reciprocal_backward_f32(dy, s, rows, cols, ld, dz, db);
}
