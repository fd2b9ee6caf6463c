using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>
/// A normalisation and the rectifier behind it, forward and back. The rectifier's derivative is computed from what was normalised, which
/// the gradient reads anyway: neither of the two passes back reads more than without a rectifier.
/// </summary>
internal static class NormalizationRule
{
    public static void Apply(Rewriter rewriter)
    {
        foreach ((PlanStep step, Op operation) in rewriter.All<Op>())
        {
            if (operation is BatchNormalize or Normalize && Rewriter.OnlyConsumer(step.Outputs[0]) is { Operation: Relu } relu
                && rewriter.CanMove(step, relu))
            {
                rewriter.Replace(relu, new RectifiedNormalize(operation), step.Inputs, relu.Outputs, step);
            }
        }

        foreach ((PlanStep step, ElementwiseGradient operation) in rewriter.All<ElementwiseGradient>())
        {
            if (operation.Function is Relu && step.Inputs[1].Producer is { Operation: RectifiedNormalize } forward
                && forward.Outputs[0] == step.Inputs[1])
            {
                Apply(rewriter, step, forward);
            }
        }
    }

    // Nobody else may want the gradient behind the rectifier: it is no longer there.
    private static void Apply(Rewriter rewriter, PlanStep rectifier, PlanStep forward)
    {
        (PlanValue dy, PlanValue dz) = (rectifier.Inputs[0], rectifier.Outputs[0]);
        PlanStep[] readers = [.. dz.Consumers];
        if (dz.IsOutput || dz.HasViews || readers.Length == 0 || !Array.TrueForAll(readers, reader => Belongs(reader, dz, forward)))
        {
            return;
        }

        PlanValue[] all = forward.Inputs;
        foreach (PlanStep reader in readers)
        {
            if (reader.Operation is BatchNormalizeSums sums)
            {
                rewriter.Replace(reader, new RectifiedNormalizeSums(sums), [dy, all[0], all[1], all[2], all[3]], reader.Outputs);
            }
            else
            {
                rewriter.Replace(reader, new RectifiedNormalizeGradient((BatchNormalizeGradient)reader.Operation),
                    [dy, all[0], all[1], reader.Inputs[3], all[2], all[3]], reader.Outputs);
            }
        }

        rectifier.Remove();
    }

    // The gradient of that normalisation for that dy, of the same x, statistics and weight.
    private static bool Belongs(PlanStep reader, PlanValue dz, PlanStep forward)
    {
        (PlanValue[] read, PlanValue[] all) = (reader.Inputs, forward.Inputs);
        bool isSame = reader.Operation switch
        {
            BatchNormalizeSums sums => forward.Operation is RectifiedNormalize { Normalization: BatchNormalize norm }
                && norm.Epsilon == sums.Epsilon,
            BatchNormalizeGradient gradient => forward.Operation is RectifiedNormalize { Normalization: BatchNormalize norm }
                && norm.Epsilon == gradient.Epsilon && read[4] == all[2] && read[3] != dz,
            _ => false,
        };
        return isSame && read[0] == dz && read[1] == all[0] && read[2] == all[1] && dz != all[0];
    }
}
