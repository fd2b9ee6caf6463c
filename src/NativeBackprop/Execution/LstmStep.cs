using NativeBackprop.Interop;
using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>
/// Both results of an <see cref="LstmCell"/>, and the gates for its gradient. Inputs z, c₀; outputs c, maybe h, maybe the gates.
/// </summary>
internal sealed record LstmStep(bool HasOutput, bool KeepsGates) : Operation
{
    internal override bool CanOverwrite(int input, int output) =>
        (input == 0 && KeepsGates && output == (HasOutput ? 2 : 1)) || (input == 1 && output == 0);

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand z, Operand c0, Operand c) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Outputs[0]);
        Operand? h = HasOutput ? arguments.Outputs[1] : null, gates = KeepsGates ? arguments.Outputs[^1] : null;
        (int rows, int units) = (c.Shape[0], c.Shape[1]);
        return RangeKernel.OfRows("nb_lstm_forward_f32", rows, units, KeepsGates ? 11 : 7, (first, count) =>
        {
            long at = (long)first * units;
            Kernels.nb_lstm_forward_f32(z.Data + (4 * at), c0.Data + at, count, (nuint)units,
                gates is { } kept ? kept.Data + (4 * at) : null, c.Data + at, h is { } output ? output.Data + at : null);
        });
    }
}

/// <summary>
/// The gradient of an <see cref="LstmStep"/>. Inputs: dh and dc, one or both, the gates, c₀, c; outputs dz and dc₀, one or both.
/// </summary>
internal sealed record LstmBackward(bool OfOutput, bool OfState, bool ForGates, bool ForState) : Operation
{
    public override string Name => "lstm_step_gradient";

    // dc₀ goes where dh or dc was, dz where the gates were.
    internal override bool CanOverwrite(int input, int output)
    {
        int gates = OfOutput && OfState ? 2 : 1;
        return output == 0 && ForGates ? input == gates : input < gates;
    }

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        ReadOnlySpan<Operand> x = arguments.Inputs, y = arguments.Outputs;
        Operand? dh = OfOutput ? x[0] : null, dc = OfState ? x[^4] : null, dz = ForGates ? y[0] : null, dc0 = ForState ? y[^1] : null;
        (Operand gates, Operand c0, Operand c) = (x[^3], x[^2], x[^1]);
        (int rows, int units) = (c.Shape[0], c.Shape[1]);
        return RangeKernel.OfRows("nb_lstm_backward_f32", rows, units, 13, (first, count) =>
        {
            long at = (long)first * units;
            Kernels.nb_lstm_backward_f32(
                dh is { } output ? output.Data + at : null, dc is { } state ? state.Data + at : null,
                gates.Data + (4 * at), c0.Data + at, c.Data + at, count, (nuint)units,
                dz is { } all ? all.Data + (4 * at) : null, dc0 is { } before ? before.Data + at : null);
        });
    }
}
