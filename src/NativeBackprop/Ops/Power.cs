using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = x^p for a constant p; f′ = p·x^(p−1). A negative x needs a whole p.</summary>
public sealed unsafe record Power(float Exponent) : Elementwise
{
    internal override SavedOperand Saved => SavedOperand.Input;

    internal override string? Domain => float.IsInteger(Exponent) ? null : $"x ≥ 0 for the exponent {Exponent}";

    internal override double Value(double x) => Math.Pow(x, Exponent);

    internal override double Derivative(double saved) => Exponent == 0 ? 0 : Exponent * Math.Pow(saved, Exponent - 1);

    internal override Node? SecondDerivative(Node saved) =>
        Exponent is 0 or 1 ? null : Exponent * (Exponent - 1) * saved.Power(Exponent - 2);

    internal override bool Accepts(float x) => !(x < 0) || float.IsInteger(Exponent);

    internal override void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y) =>
        Kernels.nb_power_forward_f32(z, b, rows, cols, ld, Exponent, y);

    internal override void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db) =>
        Kernels.nb_power_backward_f32(dy, s, rows, cols, ld, Exponent, dz, db);
}
