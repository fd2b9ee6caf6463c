namespace NativeBackprop.Tests.Execution;

/// <summary>y = x, and the chance to see, delay or spoil each thread's part of the run. As a gradient it lets dy through.</summary>
internal sealed record Probe(Action Action, int Cost = 0) : Op
{
    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0];

    internal override Node? Gradient(Node node, int input, Node dy) => dy;

    internal override void Evaluate(ReferenceArguments arguments) => arguments.Inputs[0].CopyTo(arguments.Output, 0);

    internal override Kernel CreateKernel(KernelArguments arguments) => new ProbeKernel(this, arguments.Inputs[0], arguments.Output);

    private sealed class ProbeKernel : Kernel
    {
        private readonly Action _action;
        private readonly Operand _x, _y;

        public ProbeKernel(Probe probe, Operand x, Operand y)
        {
            (_action, _x, _y) = (probe.Action, x, y);
            (Units, Flops) = (x.Length, probe.Cost);
        }

        public override string Call => "probe";

        public override void Run(int begin, int end, int thread)
        {
            _action();
            _x.Span[begin..end].CopyTo(_y.Span[begin..end]);
        }
    }
}
