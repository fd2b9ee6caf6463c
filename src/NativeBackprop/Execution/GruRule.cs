using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>
/// A step of a GRU that keeps its gates, in the place of what came of the input, and the gradients of all that it reads in one pass.
/// </summary>
internal static class GruRule
{
    public static void Apply(Rewriter rewriter)
    {
        var gradients = rewriter.All<GruCellGradient>().ToLookup(pair => (pair.Step.Inputs[1], pair.Step.Inputs[2], pair.Step.Inputs[3]));
        foreach ((PlanStep cell, _) in rewriter.All<GruCell>())
        {
            (PlanStep Step, GruCellGradient Op)[] parts =
                [.. gradients[(cell.Inputs[0], cell.Inputs[1], cell.Inputs[2])].OrderBy(part => part.Operation.Input)];
            if (parts.Length > 0 && Array.TrueForAll(parts, part => part.Step.Inputs[0] == parts[0].Step.Inputs[0])
                && parts.DistinctBy(part => part.Op.Input).Count() == parts.Length)
            {
                Apply(rewriter, cell, parts);
            }
        }
    }

    private static void Apply(Rewriter rewriter, PlanStep cell, (PlanStep Step, GruCellGradient Op)[] parts)
    {
        PlanStep place = parts.MaxBy(part => part.Step.Order).Step;
        if (!Array.TrueForAll(parts, part => rewriter.CanMove(part.Step, place)))
        {
            return;
        }

        PlanValue gates = rewriter.Create(cell.Inputs[0].Node, cell.Inputs[0].Shape);
        rewriter.Replace(cell, new GruStep(), cell.Inputs, [cell.Outputs[0], gates]);
        bool Has(int input) => Array.Exists(parts, part => part.Op.Input == input);
        rewriter.Replace(place, new GruBackward(Has(0), Has(1), Has(2)), [place.Inputs[0], gates, cell.Inputs[1], cell.Inputs[2]],
            [.. parts.Select(part => part.Step.Outputs[0])], [.. parts.Select(part => part.Step).Where(step => step != place)]);
    }
}
