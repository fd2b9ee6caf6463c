using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>
/// The gradient of a maximum over windows, and behind it that of the rectifier before the maximum: a maximum is above 0 where the element
/// is that it was routed from, so the rectifier's derivative can be applied to the smaller one of the two, and its sum over the rows
/// be taken there.
/// </summary>
internal static class MaxPoolRule
{
    public static void Apply(Rewriter rewriter)
    {
        foreach ((PlanStep pool, MaxPoolGradient operation) in rewriter.All<MaxPoolGradient>())
        {
            if (Rewriter.OnlyConsumer(pool.Outputs[0]) is { Operation: ElementwiseGradient { Function: Relu } function } rectifier
                && rectifier.Inputs[0] == pool.Outputs[0] && rectifier.Inputs[1] == pool.Inputs[1] && rewriter.CanMove(pool, rectifier))
            {
                Apply(rewriter, pool, operation, rectifier, function);
            }
        }
    }

    private static void Apply(
        Rewriter rewriter, PlanStep pool, MaxPoolGradient operation, PlanStep rectifier, ElementwiseGradient function)
    {
        (PlanValue dy, PlanValue x, PlanValue y, PlanValue dx) = (pool.Inputs[0], pool.Inputs[1], pool.Inputs[2], rectifier.Outputs[0]);
        PlanValue rectified = rewriter.Create(rectifier.Outputs[0].Node, dy.Shape);
        rewriter.Add(function, [dy, y], [rectified], pool.Order);
        rewriter.Replace(rectifier, operation, [rectified, x, y], [dx], pool);
        foreach (PlanStep sum in dx.Consumers.ToArray())
        {
            if (sum.Operation is Sum { Axis: 0 } rows && rows.Axes == dx.Shape.Rank - 1 && sum.Inputs[0].Shape.Equals(dx.Shape))
            {
                rewriter.Replace(sum, rows, [rectified], sum.Outputs);
            }
        }
    }
}
