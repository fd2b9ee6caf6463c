using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>Gradient descent inside the product that makes the gradient: product (→ + k·w) → update.</summary>
internal static class GradientDescentRule
{
    public static void Apply(Rewriter rewriter)
    {
        foreach ((PlanStep update, SgdUpdate sgd) in rewriter.All<SgdUpdate>())
        {
            Apply(rewriter, update, sgd);
        }
    }

    private static void Apply(Rewriter rewriter, PlanStep update, SgdUpdate sgd)
    {
        (PlanValue w, PlanValue gradient, PlanValue rate) = (update.Inputs[0], update.Inputs[1], update.Inputs[2]);
        float decay = sgd.WeightDecay;
        var parts = new List<PlanStep>();
        if (Rewriter.OnlyConsumer(gradient) == update && gradient.Producer is { IsReplaced: false } add
            && add.Operation == Binary.Add && DecayOf(add, w) is { } found && rewriter.CanMove(found.Term.Producer!, update))
        {
            gradient = found.Gradient;
            decay += found.Factor;
            parts.Add(add);
            if (Rewriter.OnlyConsumer(found.Term) == add)
            {
                parts.Add(found.Term.Producer!);
            }
        }

        PlanStep consumer = parts.Count > 0 ? parts[0] : update;
        if (Rewriter.OnlyConsumer(gradient) == consumer && gradient.Producer is { Operation: MatMul matMul, IsReplaced: false } product
            && product.Inputs.All(input => input.Memory != w.Memory) && rewriter.CanMove(product, update))
        {
            rewriter.Replace(update, new MatMulSgd(matMul, decay), [.. product.Inputs, w, rate], update.Outputs, [product, .. parts]);
        }
    }

    // gradient + k·w, the gradient of an L2 penalty
    private static (PlanValue Gradient, PlanValue Term, float Factor)? DecayOf(PlanStep add, PlanValue w)
    {
        for (int i = 0; i < 2; i++)
        {
            PlanValue term = add.Inputs[i], other = add.Inputs[1 - i];
            if (term.Producer is { Operation: Elementwise scale, IsReplaced: false } producer && scale.Row == Functions.Scale
                && producer.Inputs[0] == w
                && !other.Shape.Equals(Shape.Scalar) && other.Shape.Equals(w.Shape))
            {
                return (other, term, scale.Parameter);
            }
        }

        return null;
    }
}
