using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>
/// Σ A_iᵀ·B_i over adjacent slices is one product with a longer k: what a weight's gradient comes to when the steps of a sequence share
/// the weight. The A_i, and the B_i, are adjacent slices of one value, or can be given adjacent places.
/// </summary>
internal static class SumOfProductsRule
{
    public static void Apply(Rewriter rewriter)
    {
        // Where one side lies fixed the other one is ordered by it; sums with both sides free come last, as their sides may be fixed then.
        // The longest goes first, so that it is whole.
        foreach (bool takesFree in (bool[])[false, true])
        {
            foreach (SumTree tree in SumTree.All(rewriter).OrderByDescending(tree => Runs(tree, takesFree).Max(run => (int?)run.Length)))
            {
                Apply(rewriter, tree, Runs(tree, takesFree));
            }
        }
    }

    private static void Apply(Rewriter rewriter, SumTree tree, List<Run> runs)
    {
        if (runs.Count == 0)
        {
            return;
        }

        HashSet<PlanValue> merged = [.. runs.SelectMany(run => run.Products).Select(product => product.Outputs[0])];
        foreach (PlanValue term in merged)
        {
            term.Producer!.Remove();
        }

        tree.Replace(tree.Terms.Where(term => !merged.Contains(term)), [.. runs.Select(run => (Action<PlanValue>)(result =>
        {
            PlanValue[] inputs = [OneSide(rewriter, run, 0, tree.Top), OneSide(rewriter, run, 1, tree.Top)];
            rewriter.Add(run.Products[0].Operation, inputs, [result], tree.Top.Order);
        }))]);
    }

    // The products of a sum that can become one, two or more each time.
    private static List<Run> Runs(SumTree tree, bool takesFree)
    {
        var runs = new List<Run>();
        IEnumerable<PlanStep> products = tree.Terms
            .Where(term => tree.Owns(term) && term.Producer is { Operation: MatMul { TransposeA: true, TransposeB: false } } product
                && product.Inputs[0].Shape.Rank == 2 && product.Inputs[1].Shape.Rank == 2)
            .Select(term => term.Producer!);
        foreach (var group in products.GroupBy(step => (A: Root(step.Inputs[0]), B: Root(step.Inputs[1]))))
        {
            (bool aIsFixed, bool bIsFixed) = (group.Key.A is not null, group.Key.B is not null);
            if (takesFree || aIsFixed || bIsFixed)
            {
                Split(group, aIsFixed, bIsFixed, runs);
            }
        }

        runs.RemoveAll(run => run.Length < 2);
        return runs;
    }

    // What a value is a fixed part of, of a variable one of the values that it takes; null when it can still be placed.
    private static PlanValue? Root(PlanValue value) =>
        Placement.CanPlace(value) ? null : value.Storage == Storage.Computed ? value.Memory : value.Written;

    // A run goes on while the fixed sides follow one another and the free sides are all different.
    private static void Split(IEnumerable<PlanStep> products, bool aIsFixed, bool bIsFixed, List<Run> runs)
    {
        int leading = bIsFixed && !aIsFixed ? 1 : 0;
        Run? run = null;
        var free = new HashSet<PlanValue>();
        bool isFixed = aIsFixed || bIsFixed;
        foreach (PlanStep product in products.OrderBy(step => isFixed ? step.Inputs[leading].Start : step.Inputs[0].Node.Index))
        {
            (PlanValue a, PlanValue b) = (product.Inputs[0], product.Inputs[1]);
            bool follows = run?.Products[^1] is { } last
                && (aIsFixed ? Follows(last.Inputs[0], a) : !free.Contains(a.Memory))
                && (bIsFixed ? Follows(last.Inputs[1], b) : !free.Contains(b.Memory));
            if (!follows || run is null)
            {
                runs.Add(run = new Run([], aIsFixed, bIsFixed));
                free.Clear();
            }

            run.Products.Add(product);
            free.Add(a.Memory);
            free.Add(b.Memory);
        }
    }

    private static bool Follows(PlanValue first, PlanValue second) =>
        first.Memory == second.Memory && first.Start + first.Length == second.Start;

    // One side of all products of a run as one value: a range of where they are, or a new value with a place for each.
    private static PlanValue OneSide(Rewriter rewriter, Run run, int side, PlanStep place)
    {
        PlanValue[] parts = [.. run.Products.Select(product => product.Inputs[side])];
        PlanValue first = parts[0], written = first.Written;
        Shape shape = [parts.Sum(part => part.Shape[0]), first.Shape[1]];
        if (first.Storage != Storage.Computed)
        {
            return new PlanValue(written.Node, shape, first.Storage, written, first.Start - written.Start);
        }

        PlanValue joined = rewriter.Create(place.Outputs[0].Node, shape);
        if (side == 0 ? run.AIsFixed : run.BIsFixed)
        {
            joined.PlaceIn(first.Memory, first.Start);
        }

        var starts = new int[parts.Length];
        for (int i = 1; i < starts.Length; i++)
        {
            starts[i] = starts[i - 1] + parts[i - 1].Length;
        }

        var join = new Join("concatenate", starts);
        Placement.Place(rewriter.Add(join, parts, [joined], place.Order), join);
        return joined;
    }

    private sealed record Run(List<PlanStep> Products, bool AIsFixed, bool BIsFixed)
    {
        public int Length => Products.Count;
    }
}
