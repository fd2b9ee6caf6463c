namespace NativeBackprop.Ops;

/// <summary>
/// A step of an optimizer on one parameter, in place. Input 0 is the parameter, input 1 its gradient, input 2 the learning
/// rate; the rest is state of the same shape, updated in place too, or shared by all parameters and only read. The result is the
/// parameter's memory after the step.
/// </summary>
internal abstract record Update : Op
{
    internal override bool IsPure => false;

    internal override bool IsTransparent => true;

    internal override bool Updates(int input) => input == 0 || (input > 2 && SharedShape(input) is null);

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        for (int i = 1; i < inputs.Length; i++)
        {
            Shape expected = i == 2 ? Shape.Scalar : SharedShape(i) ?? inputs[0];
            if (!inputs[i].Equals(expected))
            {
                string what = i == 1 ? "the gradient" : i == 2 ? "the learning rate" : "the optimizer's state";
                throw new ShapeException($"{what} must have the shape {expected}, got {inputs[i]}");
            }
        }

        return inputs[0];
    }

    internal override Node? Gradient(Node node, int input, Node dy) =>
        throw new GraphException($"{node}: an optimizer's step has no gradient");

    internal sealed override void Evaluate(ReferenceArguments arguments)
    {
        (double[] w, double[] g, double rate) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2][0]);
        for (int i = 0; i < w.Length; i++)
        {
            w[i] = Step(arguments, i, w[i], g[i], rate);
            arguments.Output[i] = w[i];
        }
    }

    /// <summary>
    /// The shape of an input that all parameters share and that is only read, such as Adam's bias corrections; else null.
    /// </summary>
    protected virtual Shape? SharedShape(int input) => null;

    /// <summary>The new value of element <paramref name="i"/>, in double precision; may write to the state among the inputs.</summary>
    protected abstract double Step(ReferenceArguments arguments, int i, double w, double g, double rate);
}
