using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// A step of a gated recurrent unit: h = (1 − z) ⊙ n + z ⊙ h₀ with r, z = σ(x + u) and n = tanh(x + r ⊙ u) of their thirds of
/// x = [r z n], what comes of the input, and u = [r z n], what comes of the state: PyTorch's form, in which the reset gate acts behind the
/// product (Cho et al. 2014). Inputs: x and u [B, 3H], h₀ [B, H].
/// </summary>
internal sealed record GruCell : Op
{
    internal override int Arity => 3;

    internal override bool CanOverwrite(int input, int output) => input == 2;

    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => true;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => CellShapes.States("a GRU cell", 3, inputs[..2], inputs[2]);

    internal override Node? Gradient(Node node, int input, Node dy) =>
        node.Graph.Add(new GruCellGradient(input), dy, node.Inputs[0], node.Inputs[1], node.Inputs[2]);

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand x, Operand u) = (arguments.Inputs[0], arguments.Inputs[1]);
        (Operand h0, Operand h) = (arguments.Inputs[2], arguments.Output);
        (int rows, int units) = (h.Shape[0], h.Shape[1]);
        return RangeKernel.OfRows("nb_gru_forward_f32", rows, units, 8, (first, count) =>
        {
            long at = (long)first * units;
            Kernels.nb_gru_forward_f32(
                x.Data + (3 * at), u.Data + (3 * at), h0.Data + at, count, (nuint)units, null, h.Data + at);
        });
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        double[] h0 = arguments.Inputs[2];
        for (int k = 0; k < h0.Length; k++)
        {
            var gates = new GruGates(arguments.Inputs[0], arguments.Inputs[1], k, arguments.Shapes[2][1]);
            arguments.Output[k] = ((1 - gates.Update) * gates.New) + (gates.Update * h0[k]);
        }
    }
}

/// <summary>
/// The gradient of a <see cref="GruCell"/> with respect to x (input 0), u (1) or h₀ (2): dh₀ = dh z, dx = [dr dz dn] and
/// du = [dr dz (dn r)] with dz = dh (h₀ − n) z′, dn = dh (1 − z) n′, dr = dn u_n r′, each slope from its gate.
/// Inputs: dh [B, H], x, u, h₀.
/// </summary>
internal sealed record GruCellGradient(int Input) : Op
{
    internal override int Arity => 4;

    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => true;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Shape state = CellShapes.States("a GRU cell", 3, inputs[1..3], inputs[3]);
        return inputs[0].Equals(state)
            ? inputs[1 + Input]
            : throw new ShapeException($"expected an upstream gradient of shape {state}, got {inputs[0]}");
    }

    internal override Node? Gradient(Node node, int input, Node dy)
    {
        Node[] operands = Expansion.Operands(node, input);
        return Expansion.Gradient(Expand(operands[0], operands[1], operands[2], operands[3]), dy, operands[input], operands);
    }

    internal override Kernel CreateKernel(KernelArguments arguments) => new RecomputingKernel(Input, arguments);

    internal override void Evaluate(ReferenceArguments arguments)
    {
        (double[] dh, double[] u, double[] h0) = (arguments.Inputs[0], arguments.Inputs[2], arguments.Inputs[3]);
        int units = arguments.Shapes[3][1];
        for (int k = 0; k < h0.Length; k++)
        {
            var gates = new GruGates(arguments.Inputs[1], u, k, units);
            double r = gates.Reset, z = gates.Update, n = gates.New;
            if (Input == 2)
            {
                arguments.Output[k] = dh[k] * z;
                continue;
            }

            int at = GruGates.Start(k, units);
            double dn = dh[k] * (1 - z) * (1 - (n * n));
            arguments.Output[at] = dn * u[at + (2 * units)] * r * (1 - r);
            arguments.Output[at + units] = dh[k] * (h0[k] - n) * z * (1 - z);
            arguments.Output[at + (2 * units)] = Input == 0 ? dn : dn * r;
        }
    }

    // The same in simple ops.
    private Node Expand(Node dh, Node x, Node u, Node h0)
    {
        int units = h0.Shape[1];
        Node Part(Node gates, int gate) => gates.Slice(1, gate * units, units);
        Node r = (Part(x, 0) + Part(u, 0)).Sigmoid(), z = (Part(x, 1) + Part(u, 1)).Sigmoid();
        Node n = (Part(x, 2) + (r * Part(u, 2))).Tanh();
        if (Input == 2)
        {
            return dh * z;
        }

        Node dn = dh * (1 - z) * (1 - n.Square());
        return x.Graph.Concatenate(
            1, dn * Part(u, 2) * (r * (1 - r)), dh * (h0 - n) * (z * (1 - z)), Input == 0 ? dn : dn * r);
    }

    // Alone, a gradient computes a row's gates again.
    private sealed unsafe class RecomputingKernel : Kernel
    {
        private readonly int _input, _units;
        private readonly Operand _dh, _x, _u, _h0, _dx;

        public RecomputingKernel(int input, KernelArguments arguments)
        {
            (_input, _dh, _x, _u) = (input, arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2]);
            (_h0, _dx, _units) = (arguments.Inputs[3], arguments.Output, arguments.Inputs[3].Shape[1]);
            (Units, WorkspacePerThread) = (_h0.Shape[0], 3L * sizeof(float) * _units);
            (Flops, Bytes) = (60L * _h0.Length, sizeof(float) * 10L * _h0.Length);
        }

        public override string Call => "nb_gru_forward_f32, nb_gru_backward_f32";

        public override void Run(int begin, int end, int thread)
        {
            float* gates = WorkspaceOf(thread);
            for (int row = begin; row < end; row++)
            {
                long at = (long)row * _units;
                float* u = _u.Data + (3 * at), dx = _dx.Data + (_input == 2 ? at : 3 * at);
                Kernels.nb_gru_forward_f32(_x.Data + (3 * at), u, _h0.Data + at, 1, (nuint)_units, gates, null);
                Kernels.nb_gru_backward_f32(_dh.Data + at, gates, u, _h0.Data + at, 1, (nuint)_units,
                    _input == 0 ? dx : null, _input == 1 ? dx : null, _input == 2 ? dx : null);
            }
        }
    }
}

/// <summary>The gates of one element of a GRU cell, in double precision.</summary>
internal readonly struct GruGates(double[] x, double[] u, int element, int units)
{
    private readonly int _at = Start(element, units);

    public double Reset => Precise.Sigmoid(x[_at] + u[_at]);

    public double Update => Precise.Sigmoid(x[_at + units] + u[_at + units]);

    public double New => Precise.Tanh(x[_at + (2 * units)] + (Reset * u[_at + (2 * units)]));

    /// <summary>Where the first gate of an element of [B, H] stands in [B, 3H].</summary>
    public static int Start(int element, int units) => (element / units * 3 * units) + (element % units);
}
