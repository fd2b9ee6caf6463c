using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>
/// Gradient descent on the rows of a table that were used, without a gradient for the others: gather's gradient → update. Weight decay
/// reaches every row, and so do momentum and the adaptive rules: with these the gradient is a table of its own.
/// </summary>
internal static class GatherDescentRule
{
    public static void Apply(Rewriter rewriter)
    {
        foreach ((PlanStep update, SgdUpdate sgd) in rewriter.All<SgdUpdate>())
        {
            (PlanValue w, PlanValue gradient, PlanValue rate) = (update.Inputs[0], update.Inputs[1], update.Inputs[2]);
            if (sgd.WeightDecay == 0 && Rewriter.OnlyConsumer(gradient) == update
                && gradient.Producer is { Operation: GatherGradient, IsReplaced: false } scatter
                && scatter.Inputs[0].Memory != w.Memory && rewriter.CanMove(scatter, update))
            {
                rewriter.Replace(update, new GatherSgd(), [.. scatter.Inputs, w, rate], update.Outputs, scatter);
            }
        }
    }
}
