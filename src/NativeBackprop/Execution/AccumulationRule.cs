using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>
/// C + A·B is a product that adds to C (beta = 1), in C's memory where C dies there: so a sum of products needs no memory for each of
/// them, and no pass to add them up.
/// </summary>
internal static class AccumulationRule
{
    public static void Apply(Rewriter rewriter)
    {
        foreach ((PlanStep add, _) in rewriter.All<Binary>())
        {
            if (SumTree.IsPlain(add) && Last(rewriter, add) is { } product
                && ProductTerm.Of(product.Operation) is { } term)
            {
                PlanValue addend = add.Inputs[0] == product.Outputs[0] ? add.Inputs[1] : add.Inputs[0];
                rewriter.Replace(add, new AffineActivation(term with { HasAddend = true }, Functions.Identity.Create(), false, false),
                    [.. product.Inputs, addend], add.Outputs, product);
            }
        }
    }

    // Of the products among the two operands the one that is made last, where the other operand is computed too.
    private static PlanStep? Last(Rewriter rewriter, PlanStep add)
    {
        PlanStep? last = null;
        for (int i = 0; i < 2; i++)
        {
            PlanValue term = add.Inputs[i], other = add.Inputs[1 - i];
            if (other.Storage == Storage.Computed && Rewriter.OnlyConsumer(term) == add
                && term.Producer is { IsReplaced: false } product && ProductTerm.Of(product.Operation) is { HasAddend: false }
                && rewriter.CanMove(product, add) && (last is null || product.Order > last.Order))
            {
                last = product;
            }
        }

        return last;
    }
}
