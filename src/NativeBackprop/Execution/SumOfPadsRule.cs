namespace NativeBackprop;

/// <summary>
/// A sum of values that stand among zeros, none where another one does, is these values put together: what the gradients of slices come
/// to. Zeros are left where there is none of them.
/// </summary>
internal static class SumOfPadsRule
{
    public static void Apply(Rewriter rewriter)
    {
        foreach (SumTree tree in SumTree.All(rewriter))
        {
            Apply(rewriter, tree);
        }
    }

    private static void Apply(Rewriter rewriter, SumTree tree)
    {
        var groups = new List<List<(PlanValue Term, (PlanValue Part, int Start)[] Parts)>>();
        foreach (PlanValue term in tree.Terms)
        {
            if (tree.Owns(term) && term.Producer is { Operation: Join join } step && step.Outputs[0] == term)
            {
                (PlanValue Part, int Start)[] parts = [.. step.Inputs.Zip(join.Starts)];
                var group = groups.Find(others => !others.Exists(other => Overlap(other.Parts, parts)));
                if (group is null)
                {
                    groups.Add(group = []);
                }

                group.Add((term, parts));
            }
        }

        groups.RemoveAll(group => group.Count == 1);
        if (groups.Count == 0)
        {
            return;
        }

        HashSet<PlanValue> joined = [.. groups.SelectMany(group => group).Select(member => member.Term)];
        foreach (PlanValue term in joined)
        {
            term.Producer!.Remove();
        }

        tree.Replace(tree.Terms.Where(term => !joined.Contains(term)), [.. groups.Select(group => (Action<PlanValue>)(result =>
        {
            (PlanValue Part, int Start)[] parts = [.. group.SelectMany(member => member.Parts).OrderBy(part => part.Start)];
            string title = parts.Sum(part => (long)part.Part.Length) == result.Length ? "concatenate" : "pad";
            rewriter.Add(
                new Join(title, [.. parts.Select(part => part.Start)]), [.. parts.Select(part => part.Part)], [result], tree.Top.Order);
        }))]);
    }

    private static bool Overlap((PlanValue Part, int Start)[] a, (PlanValue Part, int Start)[] b) => Array.Exists(a, x =>
        Array.Exists(b, y => x.Start < y.Start + y.Part.Length && y.Start < x.Start + x.Part.Length));
}
