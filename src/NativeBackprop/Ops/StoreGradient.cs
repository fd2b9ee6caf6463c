using System.Numerics;

namespace NativeBackprop.Ops;

/// <summary>
/// s ← k·s + g for k = 0 or 1: keeps a gradient beyond the plan's run, alone or added to those of earlier runs. Inputs: the memory s,
/// the gradient g, the scalar k. What s held does not matter where k is 0.
/// </summary>
internal sealed record StoreGradient : Update
{
    internal override int Arity => 3;

    internal override Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand stored, Operand gradient, Operand keep) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Inputs[2]);
        return RangeKernel.OfUpdate("store_gradient", stored.Length, 3, (at, n) =>
        {
            Span<float> s = stored.Span.Slice(at, (int)n), g = gradient.Span.Slice(at, (int)n);
            if (keep.Span[0] == 0)
            {
                g.CopyTo(s);
                return;
            }

            int i = 0;
            for (; i <= s.Length - Vector<float>.Count; i += Vector<float>.Count)
            {
                (new Vector<float>(s[i..]) + new Vector<float>(g[i..])).CopyTo(s[i..]);
            }

            for (; i < s.Length; i++)
            {
                s[i] += g[i];
            }
        });
    }

    protected override double Step(ReferenceArguments arguments, int i, double w, double g, double rate) => rate == 0 ? g : w + g;
}
