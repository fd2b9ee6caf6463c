using NativeBackprop.Interop;
using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>A <see cref="GruCell"/> and the gates for its gradient. Inputs x, u, h₀; outputs h, gates.</summary>
internal sealed record GruStep : Operation
{
    internal override bool CanOverwrite(int input, int output) => (input == 0 && output == 1) || (input == 2 && output == 0);

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand x, Operand u, Operand h0) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2]);
        (Operand h, Operand gates) = (arguments.Outputs[0], arguments.Outputs[1]);
        (int rows, int units) = (h.Shape[0], h.Shape[1]);
        return RangeKernel.OfRows("nb_gru_forward_f32", rows, units, 11, (first, count) =>
        {
            long at = (long)first * units;
            Kernels.nb_gru_forward_f32(
                x.Data + (3 * at), u.Data + (3 * at), h0.Data + at, count, (nuint)units, gates.Data + (3 * at), h.Data + at);
        });
    }
}

/// <summary>
/// The gradient of a <see cref="GruStep"/>. Inputs dh, gates, u, h₀; outputs those of dx, du and dh₀ that are wanted, at least one.
/// </summary>
internal sealed record GruBackward(bool ForInput, bool ForRecurrent, bool ForState) : Operation
{
    public override string Name => "gru_step_gradient";

    // dx goes where the gates were, du where u was, dh₀ where dh was.
    internal override bool CanOverwrite(int input, int output)
    {
        int recurrent = ForInput ? 1 : 0, state = recurrent + (ForRecurrent ? 1 : 0);
        return input == 0 ? ForState && output == state
            : input == 1 ? ForInput && output == 0
            : input == 2 && ForRecurrent && output == recurrent;
    }

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        ReadOnlySpan<Operand> y = arguments.Outputs;
        (Operand dh, Operand gates) = (arguments.Inputs[0], arguments.Inputs[1]);
        (Operand u, Operand h0) = (arguments.Inputs[2], arguments.Inputs[3]);
        Operand? dx = ForInput ? y[0] : null, du = ForRecurrent ? y[ForInput ? 1 : 0] : null, dh0 = ForState ? y[^1] : null;
        (int rows, int units) = (dh.Shape[0], dh.Shape[1]);
        return RangeKernel.OfRows("nb_gru_backward_f32", rows, units, 15, (first, count) =>
        {
            long at = (long)first * units;
            Kernels.nb_gru_backward_f32(
                dh.Data + at, gates.Data + (3 * at), u.Data + (3 * at), h0.Data + at, count, (nuint)units,
                dx is { } input ? input.Data + (3 * at) : null, du is { } recurrent ? recurrent.Data + (3 * at) : null,
                dh0 is { } before ? before.Data + at : null);
        });
    }
}
