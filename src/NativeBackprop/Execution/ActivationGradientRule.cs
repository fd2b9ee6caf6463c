using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>A gradient on its way back: product → activation gradient → sum over the rows.</summary>
internal static class ActivationGradientRule
{
    public static void Apply(Rewriter rewriter)
    {
        foreach ((PlanStep gradient, ElementwiseGradient op) in rewriter.All<ElementwiseGradient>())
        {
            Apply(rewriter, gradient, op);
        }
    }

    private static void Apply(Rewriter rewriter, PlanStep gradient, ElementwiseGradient op)
    {
        (PlanValue dy, PlanValue saved, PlanValue dz) = (gradient.Inputs[0], gradient.Inputs[1], gradient.Outputs[0]);
        if (dz.Shape.Rank < 2)
        {
            return;
        }

        PlanStep? sum = dz.Consumers.Find(step => step.Operation is Sum { Axis: 0 } rows && rows.Axes == dz.Shape.Rank - 1
            && step.Inputs[0].Shape.Rank == dz.Shape.Rank);
        PlanValue[] outputs = sum is null ? [dz] : [dz, sum.Outputs[0]];
        PlanStep[] parts = sum is null ? [] : [sum];
        if (Rewriter.OnlyConsumer(dy) == gradient && dy != saved && dy.Producer is { IsReplaced: false } product
            && ProductTerm.Of(product.Operation) is { } term && rewriter.CanMove(product, gradient))
        {
            // A product of patches has its rows split, and leaves a sum over them to a step of its own.
            bool sums = sum is not null && term.HasColumns;
            rewriter.Replace(gradient, new ProductActivationGradient(term, op.Function, sums),
                [.. product.Inputs, saved], sums ? outputs : [dz], sums ? [product, .. parts] : [product]);
        }
        else if (sum is not null)
        {
            rewriter.Replace(gradient, new ActivationGradientBiasSum(op.Function), gradient.Inputs, outputs, parts);
        }
    }
}
