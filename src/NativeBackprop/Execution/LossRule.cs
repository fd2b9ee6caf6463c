using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>A loss and its gradient in one, where the upstream gradient is known before the loss.</summary>
internal static class LossRule
{
    public static void Apply(Rewriter rewriter)
    {
        foreach ((PlanStep step, RowLoss loss) in rewriter.All<RowLoss>())
        {
            Apply(rewriter, step, loss);
        }
    }

    private static void Apply(Rewriter rewriter, PlanStep loss, RowLoss op)
    {
        PlanStep? gradient = loss.Inputs[0].Consumers.Find(step =>
            step.Operation is RowLossGradient pair && pair.Loss == op
            && step.Inputs[0] == loss.Inputs[0] && step.Inputs[1] == loss.Inputs[1]
            && rewriter.CanMove(step, loss));
        if (gradient is not null)
        {
            rewriter.Replace(loss, new LossWithGradient(op), gradient.Inputs, [loss.Outputs[0], gradient.Outputs[0]], gradient);
        }
    }
}
