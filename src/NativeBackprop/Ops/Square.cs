using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>y = x²; f′ = 2x.</summary>
public sealed unsafe record Square : Elementwise
{
    internal override SavedOperand Saved => SavedOperand.Input;

    // A constant upstream gradient k, as the penalty k·Σw² has, leaves 2k·w: the form that gradient descent folds into its product.
    internal override Node? Gradient(Node node, int input, Node dy) =>
        dy.Op is Fill fill ? 2 * fill.Value * node.Inputs[0] : base.Gradient(node, input, dy);

    internal override double Value(double x) => x * x;

    internal override double Derivative(double saved) => 2 * saved;

    internal override Node? SecondDerivative(Node saved) => saved.Graph.Constant(2);

    internal override void Forward(float* z, float* b, nuint rows, nuint cols, nuint ld, float* y) =>
        Kernels.nb_square_forward_f32(z, b, rows, cols, ld, y);

    internal override void Backward(float* dy, float* s, nuint rows, nuint cols, nuint ld, float* dz, float* db) =>
        Kernels.nb_square_backward_f32(dy, s, rows, cols, ld, dz, db);
}
