using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// m ← β1·m + (1 − β1)d, v ← β2·v + (1 − β2)d², w ← w − η·m̂/(√v̂ + ε) with m̂ = m/(1 − β1^t), v̂ = v/(1
/// − β2^t) and d = g + λw (Kingma and Ba 2015). Decoupled, as in AdamW: w ← (1 − ηλ)w first, and d = g (Loshchilov and Hutter
/// 2019). State: m, v; the last input is the step's <see cref="AdamCorrections"/>.
/// </summary>
internal sealed record AdamUpdate(float Beta1, float Beta2, float Epsilon, float WeightDecay, bool Decoupled) : Update
{
    private const int Corrections = 5;

    internal override int Arity => 6;

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand w, Operand g, Operand rate) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2]);
        (Operand m, Operand v, Operand corrections) = (arguments.Inputs[3], arguments.Inputs[4], arguments.Inputs[Corrections]);
        (float beta1, float beta2, float epsilon, float decay, int decoupled) = (Beta1, Beta2, Epsilon, WeightDecay, Decoupled ? 1 : 0);
        return RangeKernel.OfUpdate("nb_adam_update_f32", w.Length, 7, (at, n) => Kernels.nb_adam_update_f32(
            g.Data + at, n, *rate.Data, beta1, beta2, epsilon, decay, decoupled, corrections.Data[0], corrections.Data[1],
            m.Data + at, v.Data + at, w.Data + at));
    }

    /// <inheritdoc/>
    protected override Shape? SharedShape(int input) => input == Corrections ? [2] : null;

    /// <inheritdoc/>
    protected override double Step(ReferenceArguments arguments, int i, double w, double g, double rate)
    {
        (double[] m, double[] v, double[] corrections) = (arguments.Inputs[3], arguments.Inputs[4], arguments.Inputs[Corrections]);
        double d = Decoupled ? g : g + (WeightDecay * w);
        w *= Decoupled ? 1 - (rate * WeightDecay) : 1;
        (double beta1, double beta2) = (Precise.AsWritten(Beta1), Precise.AsWritten(Beta2));
        m[i] = (beta1 * m[i]) + ((1 - beta1) * d);
        v[i] = (beta2 * v[i]) + ((1 - beta2) * d * d);
        return w - (rate * (m[i] / corrections[0]) / (Math.Sqrt(v[i] / corrections[1]) + Epsilon));
    }
}
