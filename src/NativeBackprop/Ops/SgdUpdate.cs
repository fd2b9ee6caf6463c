using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>w ← w − η(g + λw): gradient descent with weight decay λ (lecture notes 001 and 002).</summary>
internal sealed record SgdUpdate(float WeightDecay) : Update
{
    internal override int Arity => 3;

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand w, Operand g, Operand rate, float decay) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2], WeightDecay);
        return RangeKernel.OfUpdate("nb_sgd_update_f32", w.Length, 3, (at, n) =>
            Kernels.nb_sgd_update_f32(g.Data + at, n, *rate.Data, decay, w.Data + at));
    }

    /// <inheritdoc/>
    protected override double Step(ReferenceArguments arguments, int i, double w, double g, double rate) =>
        w - (rate * (g + (WeightDecay * w)));
}
