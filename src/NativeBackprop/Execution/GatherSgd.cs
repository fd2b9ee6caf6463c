using NativeBackprop.Interop;

namespace NativeBackprop;

/// <summary>
/// w[i_p] ← w[i_p] − η·dy[p], position by position in ascending order. Inputs dy [.., Units], i [..], w [Rows, Units], η; output w.
/// </summary>
internal sealed record GatherSgd : Operation
{
    public override string Name => "gather_sgd_update";

    internal override bool Updates(int input) => input == 2;

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand dy, Operand indices) = (arguments.Inputs[0], arguments.Inputs[1]);
        (Operand w, Operand rate) = (arguments.Inputs[2], arguments.Inputs[3]);
        int units = w.Shape[1];
        return RangeKernel.OfColumns("nb_sgd_update_f32 by rows", indices.Length, units, 3, (begin, count) =>
        {
            for (int p = 0; p < indices.Length; p++)
            {
                if (((int*)indices.Data)[p] is var index and >= 0)
                {
                    float* row = w.Data + ((long)index * units) + begin;
                    Kernels.nb_sgd_update_f32(dy.Data + ((long)p * units) + begin, count, *rate.Data, 0, row);
                }
            }
        });
    }
}
