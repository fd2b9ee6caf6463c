using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>A product, its bias and its activation: product → + bias → function.</summary>
internal static class AffineActivationRule
{
    public static void Apply(Rewriter rewriter)
    {
        foreach ((PlanStep step, Operation operation) in rewriter.All<Operation>())
        {
            if (ProductTerm.Of(operation) is { } term)
            {
                Apply(rewriter, step, term);
            }
        }
    }

    private static void Apply(Rewriter rewriter, PlanStep product, ProductTerm term)
    {
        PlanValue z = product.Outputs[0];
        PlanStep last = product;
        PlanValue? bias = null;
        if (Rewriter.OnlyConsumer(z) is { } add && add.Operation == Binary.Add && BiasOf(add, z) is { } found
            && rewriter.CanMove(product, add))
        {
            (last, bias, z) = (add, found, add.Outputs[0]);
        }

        PlanStep? activation = z.Consumers.Find(step => IsActivation(step.Operation) && step.Outputs[0].Shape.Rank >= 2);
        if (activation is null && bias is null)
        {
            return;
        }

        PlanValue[] inputs = bias is null ? product.Inputs : [.. product.Inputs, bias];
        if (activation is not { Operation: Elementwise function })
        {
            rewriter.Replace(last, new AffineActivation(term, Functions.Identity.Create(), true, false), inputs, [z], product);
            return;
        }

        bool savesInput = z.Consumers.Count > 1 || z.IsOutput || z.HasViews;
        if (savesInput && function.Saved != SavedOperand.Input && bias is null)
        {
            return;
        }

        PlanValue y = activation.Outputs[0];
        PlanValue[] outputs = savesInput ? [y, z] : [y];
        rewriter.Replace(last, new AffineActivation(term, function, bias is not null, savesInput), inputs, outputs, product, activation);
    }

    // What the kernels of a product can end with: defined everywhere, and more than arithmetic that has steps of its own.
    private static bool IsActivation(Operation operation) =>
        operation is Elementwise { Domain: null } function && function.Row != Functions.Scale && function.Row != Functions.Shift;

    // z + b, where b is one number a column.
    private static PlanValue? BiasOf(PlanStep add, PlanValue z)
    {
        PlanValue other = add.Inputs[0] == z ? add.Inputs[1] : add.Inputs[0];
        int columns = z.Shape[-1];
        bool isRow = other != z && other.Length == columns && other.Shape.Rank > 0 && other.Shape[-1] == columns;
        return isRow && add.Outputs[0].Shape.Equals(z.Shape) && (z.Length != columns || other.Storage != Storage.Computed) ? other : null;
    }
}
