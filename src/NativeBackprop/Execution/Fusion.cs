namespace NativeBackprop;

/// <summary>
/// Rewriting rules that replace neighbouring steps by one that passes over the memory once. Each rule looks at one step or one sum, and
/// either leaves the program alone or puts a fused step where one of its parts stood.
/// </summary>
internal static class Fusion
{
    public static void Rewrite(PlanProgram program, ProductLibrary products)
    {
        var rewriter = new Rewriter(program);
        SumOfPadsRule.Apply(rewriter);
        Placement.Place(program);
        LstmRule.Apply(rewriter);
        GruRule.Apply(rewriter);
        SumOfProductsRule.Apply(rewriter);
        GradientDescentRule.Apply(rewriter);
        GatherDescentRule.Apply(rewriter);
        AccumulationRule.Apply(rewriter);
        NormalizationRule.Apply(rewriter);
        MaxPoolRule.Apply(rewriter);
        AffineActivationRule.Apply(rewriter);
        ActivationGradientRule.Apply(rewriter);
        LossRule.Apply(rewriter);
        PackedRightRule.Apply(rewriter, products);
        rewriter.Finish();
    }
}
