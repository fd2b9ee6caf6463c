using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// v ← μv + d, w ← w − ηv with d = g + λw; Nesterov: w ← w − η(d + μv). PyTorch's form: the rate multiplies the velocity,
/// where Sutskever et al. 2013 put it inside; the two agree for a constant rate. State: v.
/// </summary>
internal sealed record MomentumUpdate(float Momentum, float WeightDecay, bool Nesterov) : Update
{
    internal override int Arity => 4;

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand w, Operand g) = (arguments.Inputs[0], arguments.Inputs[1]);
        (Operand rate, Operand v) = (arguments.Inputs[2], arguments.Inputs[3]);
        (float momentum, float decay, int nesterov) = (Momentum, WeightDecay, Nesterov ? 1 : 0);
        return RangeKernel.OfUpdate("nb_momentum_update_f32", w.Length, 5, (at, n) =>
            Kernels.nb_momentum_update_f32(g.Data + at, n, *rate.Data, momentum, decay, nesterov, v.Data + at, w.Data + at));
    }

    /// <inheritdoc/>
    protected override double Step(ReferenceArguments arguments, int i, double w, double g, double rate)
    {
        double[] v = arguments.Inputs[3];
        double d = g + (WeightDecay * w);
        v[i] = (Momentum * v[i]) + d;
        return w - (rate * (Nesterov ? d + (Momentum * v[i]) : v[i]));
    }
}
