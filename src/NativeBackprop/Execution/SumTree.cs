using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>Additions of values of one shape whose intermediate results nobody else reads, such as a gradient's contributions.</summary>
internal sealed class SumTree
{
    private readonly Rewriter _rewriter;
    private readonly List<PlanStep> _additions = [];

    private SumTree(Rewriter rewriter, PlanStep top) => (_rewriter, Top) = (rewriter, top);

    /// <summary>The addition that makes the sum.</summary>
    public PlanStep Top { get; }

    /// <summary>What is added up, from left to right.</summary>
    public List<PlanValue> Terms { get; } = [];

    /// <summary>The sum.</summary>
    public PlanValue Result => Top.Outputs[0];

    /// <summary>The sums of a program, the last first.</summary>
    public static List<SumTree> All(Rewriter rewriter)
    {
        var trees = new List<SumTree>();
        var inner = new HashSet<PlanStep>();
        foreach ((PlanStep step, _) in rewriter.All<Binary>().OrderByDescending(pair => pair.Step.Order))
        {
            if (IsPlain(step) && !inner.Contains(step))
            {
                var tree = new SumTree(rewriter, step);
                tree.Collect();
                inner.UnionWith(tree._additions);
                trees.Add(tree);
            }
        }

        return trees;
    }

    /// <summary>An addition without broadcasting.</summary>
    public static bool IsPlain(PlanStep step) => !step.IsReplaced && step.Operation == Binary.Add
        && step.Inputs[0].Shape.Equals(step.Outputs[0].Shape) && step.Inputs[1].Shape.Equals(step.Outputs[0].Shape);

    /// <summary>True when the tree alone reads a term, and what makes the term may as well stand where the sum is made.</summary>
    public bool Owns(PlanValue term) =>
        term.Producer is { IsReplaced: false } producer && Rewriter.OnlyConsumer(term) is { } addition && _additions.Contains(addition)
        && _rewriter.CanMove(producer, Top);

    /// <summary>
    /// Puts another sum in the tree's place: of some of its terms, and of values that are made now, each by being told what to write.
    /// </summary>
    public void Replace(IEnumerable<PlanValue> rest, IReadOnlyList<Action<PlanValue>> makers)
    {
        _additions.ForEach(addition => addition.Remove());

        // Computed terms are added up as they come; what lies in a variable is read where it was.
        List<(PlanValue Term, int Order)> terms = [.. rest
            .Select(term => (term, term is { Storage: Storage.Computed, Producer: { } producer } ? producer.Order : Top.Order))
            .OrderBy(pair => pair.Item2)];
        foreach (Action<PlanValue> make in makers)
        {
            PlanValue term = terms.Count == 0 && makers.Count == 1 ? Result : _rewriter.Create(Result.Node, Result.Shape);
            make(term);
            terms.Add((term, Top.Order));
        }

        (PlanValue sum, int order) = terms[0];
        for (int i = 1; i < terms.Count; i++)
        {
            order = Math.Max(order, terms[i].Order);
            PlanValue next = i == terms.Count - 1 ? Result : _rewriter.Create(Result.Node, Result.Shape);
            _rewriter.Add(Binary.Add, [sum, terms[i].Term], [next], order);
            sum = next;
        }
    }

    private void Collect()
    {
        var waiting = new Stack<(PlanValue Value, PlanStep Consumer)>();
        Open(Top);
        while (waiting.TryPop(out (PlanValue Value, PlanStep Consumer) at))
        {
            if (Rewriter.OnlyConsumer(at.Value) == at.Consumer && at.Value.Producer is { } producer && IsPlain(producer)
                && _rewriter.CanMove(producer, Top))
            {
                Open(producer);
            }
            else
            {
                Terms.Add(at.Value);
            }
        }

        void Open(PlanStep addition)
        {
            _additions.Add(addition);
            waiting.Push((addition.Inputs[1], addition));
            waiting.Push((addition.Inputs[0], addition));
        }
    }
}
