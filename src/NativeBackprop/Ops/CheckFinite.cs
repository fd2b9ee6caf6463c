namespace NativeBackprop.Ops;

/// <summary>
/// Faults when an element of any input is NaN or infinite; the result, a zero, is of no use. Among the outputs of a plan it keeps a run
/// that goes wrong from writing to variables: the plan then throws a <see cref="NonFiniteException"/>.
/// </summary>
internal sealed record CheckFinite : Op
{
    internal override bool CanFault => true;

    internal override int Arity => AnyNumber;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => Shape.Scalar;

    internal override Node? Gradient(Node node, int input, Node dy) => null;

    internal override Kernel CreateKernel(KernelArguments arguments) => new CheckKernel(arguments.Inputs.ToArray(), arguments.Output);

    internal override void Evaluate(ReferenceArguments arguments) => arguments.Output[0] = 0;

    private sealed unsafe class CheckKernel : Kernel
    {
        private readonly Operand[] _inputs;
        private readonly Operand _output;

        public CheckKernel(Operand[] inputs, Operand output)
        {
            (_inputs, _output) = (inputs, output);
            long length = inputs.Sum(input => (long)input.Length);
            (Units, Grain) = (checked((int)Math.Max(1, length)), PinnedBuffer.AlignmentInFloats);
            (Flops, Bytes) = (length, sizeof(float) * length);
        }

        public override string Call => "check_finite";

        // The units are the inputs' elements, one input behind the other.
        public override void Run(int begin, int end, int thread)
        {
            int start = 0;
            for (int i = 0; i < _inputs.Length && start < end; i++)
            {
                int from = Math.Max(begin - start, 0), to = Math.Min(end - start, _inputs[i].Length);
                if (from < to)
                {
                    Check(i, from, _inputs[i].Span[from..to]);
                }

                start += _inputs[i].Length;
            }

            if (begin == 0)
            {
                *_output.Data = 0;
            }
        }

        private void Check(int input, int from, ReadOnlySpan<float> values)
        {
            if (FiniteCheck.IndexOfNonFinite(values) is var at && at >= 0)
            {
                Report(new NonFiniteFault(input, from + at, values[at]));
            }
        }
    }
}
