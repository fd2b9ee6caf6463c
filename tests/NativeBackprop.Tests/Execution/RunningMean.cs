namespace NativeBackprop.Tests.Execution;

/// <summary>
/// An effect as a batch norm has it: r ← 0.9·r + 0.1·mean over the rows of x, in place; the result is the new r. Inputs: r [C],
/// x [B, C].
/// </summary>
internal sealed record RunningMean : Op
{
    private const float Kept = 0.9f;

    internal override int Arity => 2;

    internal override bool Updates(int input) => input == 0;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0];

    internal override Node? Gradient(Node node, int input, Node dy) => null;

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] r, double[] x) = (arguments.Inputs[0], arguments.Inputs[1]);
        int rows = x.Length / r.Length;
        for (int c = 0; c < r.Length; c++)
        {
            double mean = 0;
            for (int i = 0; i < rows; i++)
            {
                mean += x[(i * r.Length) + c] / rows;
            }

            arguments.Output[c] = r[c] = (Kept * r[c]) + ((1 - Kept) * mean);
        }
    }

    internal override Kernel CreateKernel(KernelArguments arguments) =>
        new RunningKernel(arguments.Inputs[0], arguments.Inputs[1], arguments.Output);

    private sealed class RunningKernel : Kernel
    {
        private readonly Operand _r, _x, _y;

        public RunningKernel(Operand r, Operand x, Operand y) => (_r, _x, _y, Units) = (r, x, y, r.Length);

        public override string Call => "running_mean";

        public override void Run(int begin, int end, int thread)
        {
            int rows = _x.Length / _r.Length;
            for (int c = begin; c < end; c++)
            {
                float mean = 0;
                for (int i = 0; i < rows; i++)
                {
                    mean += _x.Span[(i * _r.Length) + c] / rows;
                }

                _y.Span[c] = _r.Span[c] = (Kept * _r.Span[c]) + ((1 - Kept) * mean);
            }
        }
    }
}
