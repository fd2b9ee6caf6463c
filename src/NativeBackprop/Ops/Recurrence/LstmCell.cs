using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>One of the two results of an <see cref="LstmCell"/>.</summary>
internal enum LstmResult
{
    /// <summary>c, what the cell remembers.</summary>
    State,

    /// <summary>h, what it shows.</summary>
    Output,
}

/// <summary>
/// A step of a long short-term memory, one of its results: c = f ⊙ c₀ + i ⊙ g and h = o ⊙ tanh c, with the gates i, f, o = σ and
/// g = tanh of their quarters of z = [i f g o], PyTorch's order (Hochreiter and Schmidhuber 1997; Gers et al. 2000). Inputs: z [B, 4H],
/// c₀ [B, H]. A plan computes both results in one pass.
/// </summary>
internal sealed record LstmCell(LstmResult Result) : Op
{
    public override string Name => Result == LstmResult.State ? "lstm_state" : "lstm_output";

    internal override int Arity => 2;

    internal override bool CanOverwrite(int input, int output) => input == 1;

    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => true;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => CellShapes.States("an LSTM cell", 4, inputs[..1], inputs[1]);

    internal override Node? Gradient(Node node, int input, Node dy) =>
        node.Graph.Add(new LstmCellGradient(Result, input), dy, node.Inputs[0], node.Inputs[1]);

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand z, Operand c0, Operand y) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Output);
        (int rows, int units) = (y.Shape[0], y.Shape[1]);
        bool isState = Result == LstmResult.State;
        return RangeKernel.OfRows("nb_lstm_forward_f32", rows, units, 6, (first, count) =>
        {
            long at = (long)first * units;
            float* target = y.Data + at;
            Kernels.nb_lstm_forward_f32(
                z.Data + (4 * at), c0.Data + at, count, (nuint)units, null, isState ? target : null, isState ? null : target);
        });
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] z, double[] c0) = (arguments.Inputs[0], arguments.Inputs[1]);
        int units = arguments.Shapes[1][1];
        for (int k = 0; k < c0.Length; k++)
        {
            var gates = new LstmGates(z, k, units);
            double c = (gates.Forget * c0[k]) + (gates.In * gates.New);
            arguments.Output[k] = Result == LstmResult.State ? c : gates.Out * Precise.Tanh(c);
        }
    }
}

/// <summary>
/// The gradient of one result of an <see cref="LstmCell"/> with respect to z (input 0) or c₀ (input 1). With dc = dy for the state, and
/// dc = dh o (1 − tanh² c) for the output: dc₀ = dc f; dz = [dc g i′, dc c₀ f′, dc i g′, dh tanh(c) o′], each slope from its
/// gate. Inputs: dy [B, H], z, c₀.
/// </summary>
internal sealed record LstmCellGradient(LstmResult Of, int Input) : Op
{
    public override string Name => $"lstm_{(Of == LstmResult.State ? "state" : "output")}_gradient";

    internal override int Arity => 3;

    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => true;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Shape state = CellShapes.States("an LSTM cell", 4, inputs[1..2], inputs[2]);
        return inputs[0].Equals(state)
            ? inputs[1 + Input]
            : throw new ShapeException($"expected an upstream gradient of shape {state}, got {inputs[0]}");
    }

    internal override Node? Gradient(Node node, int input, Node dy)
    {
        Node[] operands = Expansion.Operands(node, input);
        return Expansion.Gradient(Expand(operands[0], operands[1], operands[2]), dy, operands[input], operands);
    }

    internal override Kernel CreateKernel(KernelArguments arguments) => new RecomputingKernel(this, arguments);

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] dy, double[] z, double[] c0) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2]);
        int units = arguments.Shapes[2][1];
        for (int k = 0; k < c0.Length; k++)
        {
            var gates = new LstmGates(z, k, units);
            double t = Precise.Tanh((gates.Forget * c0[k]) + (gates.In * gates.New));
            double dh = Of == LstmResult.Output ? dy[k] : 0;
            double dc = Of == LstmResult.Output ? dh * gates.Out * (1 - (t * t)) : dy[k];
            if (Input == 1)
            {
                arguments.Output[k] = dc * gates.Forget;
                continue;
            }

            int at = LstmGates.Start(k, units);
            arguments.Output[at] = dc * gates.New * gates.In * (1 - gates.In);
            arguments.Output[at + units] = dc * c0[k] * gates.Forget * (1 - gates.Forget);
            arguments.Output[at + (2 * units)] = dc * gates.In * (1 - (gates.New * gates.New));
            arguments.Output[at + (3 * units)] = dh * t * gates.Out * (1 - gates.Out);
        }
    }

    // The same in simple ops.
    private Node Expand(Node dy, Node z, Node c0)
    {
        int units = c0.Shape[1];
        Node Part(int gate) => z.Slice(1, gate * units, units);
        Node i = Part(0).Sigmoid(), f = Part(1).Sigmoid(), g = Part(2).Tanh(), o = Part(3).Sigmoid(), t = ((f * c0) + (i * g)).Tanh();
        Node dc = Of == LstmResult.State ? dy : dy * o * (1 - t.Square());
        if (Input == 1)
        {
            return dc * f;
        }

        Node remembered = z.Graph.Concatenate(
            1, dc * g * (i * (1 - i)), dc * c0 * (f * (1 - f)), dc * i * (1 - g.Square()));
        return Of == LstmResult.State
            ? z.Graph.Add(new Pad(1, 0, units), remembered)
            : z.Graph.Concatenate(1, remembered, dy * t * (o * (1 - o)));
    }

    // Alone, a gradient computes a row's gates again.
    private sealed unsafe class RecomputingKernel : Kernel
    {
        private readonly LstmCellGradient _op;
        private readonly Operand _dy, _z, _c0, _dx;
        private readonly int _units;

        public RecomputingKernel(LstmCellGradient op, KernelArguments arguments)
        {
            (_op, _dy, _z, _c0) = (op, arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2]);
            (_dx, _units) = (arguments.Output, arguments.Inputs[2].Shape[1]);
            (Units, WorkspacePerThread) = (_c0.Shape[0], 5L * sizeof(float) * _units);
            (Flops, Bytes) = (60L * _c0.Length, sizeof(float) * 8L * _c0.Length);
        }

        public override string Call => "nb_lstm_forward_f32, nb_lstm_backward_f32";

        public override void Run(int begin, int end, int thread)
        {
            float* gates = WorkspaceOf(thread), c = gates + (4L * _units);
            bool ofOutput = _op.Of == LstmResult.Output, isGates = _op.Input == 0;
            for (int row = begin; row < end; row++)
            {
                long at = (long)row * _units;
                float* dy = _dy.Data + at, dx = _dx.Data + (isGates ? 4 * at : at);
                Kernels.nb_lstm_forward_f32(_z.Data + (4 * at), _c0.Data + at, 1, (nuint)_units, gates, c, null);
                Kernels.nb_lstm_backward_f32(ofOutput ? dy : null, ofOutput ? null : dy, gates, _c0.Data + at, c, 1, (nuint)_units,
                    isGates ? dx : null, isGates ? null : dx);
            }
        }
    }
}

/// <summary>The gates of one element of an LSTM cell, in double precision.</summary>
internal readonly struct LstmGates(double[] z, int element, int units)
{
    private readonly int _at = Start(element, units);

    public double In => Precise.Sigmoid(z[_at]);

    public double Forget => Precise.Sigmoid(z[_at + units]);

    public double New => Precise.Tanh(z[_at + (2 * units)]);

    public double Out => Precise.Sigmoid(z[_at + (3 * units)]);

    /// <summary>Where the first gate of an element of [B, H] stands in [B, 4H].</summary>
    public static int Start(int element, int units) => (element / units * 4 * units) + (element % units);
}
