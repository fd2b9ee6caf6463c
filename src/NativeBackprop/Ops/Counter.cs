namespace NativeBackprop.Ops;

/// <summary>
/// Adds one to a counter in place, once a run, and gives its value. The counter is a variable of whole numbers below 2^24, the least
/// significant first, so that each is exact in float32: [1] for the steps of an optimizer, more where the numbers must not repeat.
/// A full counter stays where it is.
/// </summary>
/// <param name="Places">How many leading elements count, at least 1; the rest is passed on as it is.</param>
/// <exception cref="OptionException">There are fewer places than 1.</exception>
internal sealed record Counter(int Places = 1) : Op
{
    private const float Radix = 1 << 24;

    public int Places { get; } = Places >= 1 ? Places : throw new OptionException($"a counter needs at least 1 digit, got {Places}");

    // Pure in the graph's sense: asked for twice it is one node, and counts once.
    internal override bool IsPure => true;

    internal override bool Updates(int input) => true;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0].Rank == 1 && inputs[0][0] >= Places
        ? inputs[0]
        : throw new ShapeException($"a counter of {Places} digits needs a vector of at least as many, got {inputs[0]}");

    internal override Node? Gradient(Node node, int input, Node dy) => null;

    internal override Kernel CreateKernel(KernelArguments arguments)
    {
        Operand counter = arguments.Inputs[0];
        return new ActionKernel("counter", arguments.Output, y =>
        {
            Span<float> digits = counter.Span;
            int carry = 0;
            while (carry < Places && digits[carry] >= Radix - 1)
            {
                carry++;
            }

            if (carry < Places)
            {
                digits[..carry].Clear();
                digits[carry]++;
            }

            digits.CopyTo(y);
        });
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        double[] digits = arguments.Inputs[0];
        double value = 1, weight = 1, limit = 1;
        for (int i = 0; i < Places; i++, weight *= Radix)
        {
            value += digits[i] * weight;
            limit *= Radix;
        }

        value = Math.Min(value, limit - 1);
        for (int i = 0; i < Places; i++)
        {
            (digits[i], value) = (value % Radix, Math.Floor(value / Radix));
        }

        digits.CopyTo(arguments.Output, 0);
    }
}
