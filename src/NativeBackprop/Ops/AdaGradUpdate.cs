using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// s ← s + d², w ← w − ηd/(√s + ε) with d = g + λw: every weight has its own rate, smaller where gradients were large
/// (lecture notes 001; Duchi et al. 2011). State: s.
/// </summary>
internal sealed record AdaGradUpdate(float Epsilon, float WeightDecay) : Update
{
    internal override int Arity => 4;

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand w, Operand g) = (arguments.Inputs[0], arguments.Inputs[1]);
        (Operand rate, Operand s) = (arguments.Inputs[2], arguments.Inputs[3]);
        (float epsilon, float decay) = (Epsilon, WeightDecay);
        return RangeKernel.OfUpdate("nb_adagrad_update_f32", w.Length, 5, (at, n) =>
            Kernels.nb_adagrad_update_f32(g.Data + at, n, *rate.Data, epsilon, decay, s.Data + at, w.Data + at));
    }

    /// <inheritdoc/>
    protected override double Step(ReferenceArguments arguments, int i, double w, double g, double rate)
    {
        double[] s = arguments.Inputs[3];
        double d = g + (WeightDecay * w);
        s[i] += d * d;
        return w - (rate * d / (Math.Sqrt(s[i]) + Epsilon));
    }
}
