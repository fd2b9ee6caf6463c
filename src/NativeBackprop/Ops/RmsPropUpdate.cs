using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// s ← αs + (1 − α)d², w ← w − ηd/(√s + ε) with d = g + λw: AdaGrad that forgets (Hinton's lecture 6e, 2012). State: s.
/// </summary>
internal sealed record RmsPropUpdate(float Alpha, float Epsilon, float WeightDecay) : Update
{
    internal override int Arity => 4;

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand w, Operand g) = (arguments.Inputs[0], arguments.Inputs[1]);
        (Operand rate, Operand s) = (arguments.Inputs[2], arguments.Inputs[3]);
        (float alpha, float epsilon, float decay) = (Alpha, Epsilon, WeightDecay);
        return RangeKernel.OfUpdate("nb_rmsprop_update_f32", w.Length, 5, (at, n) =>
            Kernels.nb_rmsprop_update_f32(g.Data + at, n, *rate.Data, alpha, epsilon, decay, s.Data + at, w.Data + at));
    }

    /// <inheritdoc/>
    protected override double Step(ReferenceArguments arguments, int i, double w, double g, double rate)
    {
        double[] s = arguments.Inputs[3];
        double d = g + (WeightDecay * w);
        double alpha = Precise.AsWritten(Alpha);
        s[i] = (alpha * s[i]) + ((1 - alpha) * d * d);
        return w - (rate * d / (Math.Sqrt(s[i]) + Epsilon));
    }
}
