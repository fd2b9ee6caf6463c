using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = x/2·(1 + tanh(√(2/π)(x + 0.044715x³))), the approximation of gelu by a tanh (Hendrycks and Gimpel 2016).</summary>
public sealed unsafe record GeluTanh : Elementwise
{
    internal override SavedOperand Saved => SavedOperand.Input;

    internal override double Value(double x) => 0.5 * x * (1 + Math.Tanh(Inner(x)));

    internal override double Derivative(double saved) => Slope(saved, Math.Tanh(Inner(saved)));

    internal override Node? SecondDerivative(Node saved) => Second(saved);

    internal override void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y) =>
        Kernels.nb_gelu_tanh_forward_f32(z, b, rows, cols, ld, y);

    internal override void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db) =>
        Kernels.nb_gelu_tanh_backward_f32(dy, s, rows, cols, ld, dz, db);

    private static double Inner(double x) => 0.7978845608028654 * (x + (0.044715 * x * x * x));

    private static double Slope(double x, double t) =>
        (0.5 * (1 + t)) + (0.5 * x * (1 - (t * t)) * 0.7978845608028654 * (1 + (0.134145 * x * x)));

    // With t = tanh u(x): f″ = (1 − t²)(u′ + x u″/2 − x t u′²)
    private static Node Second(Node x)
    {
        const float C = 0.7978845608f;
        Node t = (C * (x + (0.044715f * x.Power(3)))).Tanh(), u = C + (C * 0.134145f * x.Square());
        return (1 - t.Square()) * (u + (C * 0.134145f * x.Square()) - (x * t * u.Square()));
    }
}
