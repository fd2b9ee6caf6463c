using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>
/// A matrix that is the right operand of several of our own products is packed once: the weights of a recurrence serve every step.
/// </summary>
internal static class PackedRightRule
{
    // What is not transposed is packed where it serves this many rows in all, as the product itself would for so many at once; what is
    // transposed is packed by every product.
    private const int LeastRows = 256;

    public static void Apply(Rewriter rewriter, ProductLibrary products)
    {
        var users = new Dictionary<(PlanValue B, bool Transposed), List<(PlanStep Step, ProductTerm Term)>>();
        foreach ((PlanStep step, Operation operation) in rewriter.All<Operation>())
        {
            if (TermOf(operation) is { Product: MatMul product } term
                && PackedRight.Serves(product, step.Inputs[0].Shape, step.Inputs[1].Shape, products))
            {
                (PlanValue, bool) key = (step.Inputs[1], product.TransposeB);
                if (!users.TryGetValue(key, out List<(PlanStep, ProductTerm)>? steps))
                {
                    users.Add(key, steps = []);
                }

                steps.Add((step, term));
            }
        }

        foreach (((PlanValue b, bool transposed), List<(PlanStep Step, ProductTerm Term)> steps) in users)
        {
            if (steps.Count > 1 && (transposed || steps.Sum(user => (long)RowsOf(user.Step)) >= LeastRows))
            {
                Apply(rewriter, b, new PackedRight(transposed), steps);
            }
        }
    }

    private static void Apply(Rewriter rewriter, PlanValue b, PackedRight pack, List<(PlanStep Step, ProductTerm Term)> users)
    {
        PlanValue packed = rewriter.Create(b.Node, pack.ShapeOf(b.Shape));
        rewriter.Add(pack, [b], [packed], users.Min(user => user.Step.Order));
        foreach ((PlanStep step, ProductTerm term) in users)
        {
            ProductTerm from = term with { IsPacked = true };
            Operation operation = step.Operation switch
            {
                AffineActivation affine => affine with { Term = from },
                ProductActivationGradient gradient => gradient with { Term = from },
                _ => new AffineActivation(from, Functions.Identity.Create(), false, false),
            };
            rewriter.Replace(step, operation, [step.Inputs[0], packed, .. step.Inputs[2..]], step.Outputs);
        }
    }

    private static ProductTerm? TermOf(Operation operation) => operation switch
    {
        AffineActivation affine => affine.Term,
        ProductActivationGradient gradient => gradient.Term,
        _ => ProductTerm.Of(operation),
    };

    // Rows of the product, whose output the step's first or last one is.
    private static int RowsOf(PlanStep step) => step.Outputs[0].Length / step.Outputs[0].Shape[-1];
}
