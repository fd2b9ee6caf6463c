using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>
/// A step of an LSTM in one pass forward, both results and the gates that backward reads, which take z's place; and one backward, the
/// gradients of both results with respect to z and c₀. Their sums are what backward needs: a gradient is linear in its upstream one.
/// </summary>
internal static class LstmRule
{
    public static void Apply(Rewriter rewriter)
    {
        var cells = new Dictionary<(PlanValue Z, PlanValue State), Cell>();
        foreach ((PlanStep step, LstmCell op) in rewriter.All<LstmCell>())
        {
            Cell cell = cells.TryGetValue((step.Inputs[0], step.Inputs[1]), out Cell? known) ? known : new Cell();
            cell.Results[(int)op.Result] = step;
            cells[(step.Inputs[0], step.Inputs[1])] = cell;
        }

        foreach ((PlanStep step, LstmCellGradient op) in rewriter.All<LstmCellGradient>())
        {
            if (cells.TryGetValue((step.Inputs[1], step.Inputs[2]), out Cell? cell))
            {
                cell.Gradients.Add((step, op));
            }
        }

        Dictionary<PlanValue, SumTree> sums = [];
        foreach (SumTree tree in cells.Count == 0 ? [] : SumTree.All(rewriter))
        {
            tree.Terms.ForEach(term => sums[term] = tree);
        }

        foreach (Cell cell in cells.Values)
        {
            Apply(rewriter, cell, sums);
        }
    }

    private static void Apply(Rewriter rewriter, Cell cell, Dictionary<PlanValue, SumTree> sums)
    {
        PlanStep[] results = [.. cell.Results.OfType<PlanStep>()];
        Side[]? sides = SidesOf(rewriter, cell, sums);
        if (results.Length + (sides is null ? 0 : 1) < 2 || !rewriter.CanMove(results[^1], results[0]))
        {
            return;
        }

        (PlanValue z, PlanValue before) = (results[0].Inputs[0], results[0].Inputs[1]);
        PlanValue state = cell.Results[0]?.Outputs[0] ?? rewriter.Create(results[0].Outputs[0].Node, before.Shape);
        PlanValue? gates = sides is null ? null : rewriter.Create(z.Node, z.Shape);
        bool hasOutput = cell.Results[1] is not null;
        PlanValue?[] outputs = [state, cell.Results[1]?.Outputs[0], gates];
        rewriter.Replace(
            results[0], new LstmStep(hasOutput, gates is not null), results[0].Inputs, [.. outputs.OfType<PlanValue>()], results[1..]);
        if (sides is null)
        {
            return;
        }

        (PlanValue? dh, PlanValue? dc) = (sides[0].Upstream(LstmResult.Output), sides[0].Upstream(LstmResult.State));
        PlanValue[] values = [.. sides.Select(side => side.Take())];
        var backward = new LstmBackward(dh is not null, dc is not null, sides[0].Input == 0, sides[^1].Input == 1);
        PlanValue?[] inputs = [dh, dc, gates, before, state];
        rewriter.Add(backward, [.. inputs.OfType<PlanValue>()], values, sides.Max(side => side.Place.Order));
    }

    // The gradients with respect to z and c₀ where they can be one step: each a sum over the results that have one, from the same
    // upstream gradients; null where something else reads a part.
    private static Side[]? SidesOf(Rewriter rewriter, Cell cell, Dictionary<PlanValue, SumTree> sums)
    {
        Side[] sides = [.. cell.Gradients.GroupBy(gradient => gradient.Op.Input).OrderBy(side => side.Key)
            .Select(side => new Side(side.Key, [.. side.OrderBy(gradient => gradient.Op.Of)], sums))];
        if (sides.Length == 0 || !Array.TrueForAll(sides, side => side.IsWhole && side.Reads(sides[0])))
        {
            return null;
        }

        PlanStep place = sides.MaxBy(side => side.Place.Order)!.Place;
        return cell.Gradients.TrueForAll(gradient => rewriter.CanMove(gradient.Step, place)) ? sides : null;
    }

    private sealed class Cell
    {
        public PlanStep?[] Results { get; } = new PlanStep?[2];

        public List<(PlanStep Step, LstmCellGradient Op)> Gradients { get; } = [];
    }

    /// <summary>The gradients of one or both results with respect to one input.</summary>
    private sealed class Side(int input, (PlanStep Step, LstmCellGradient Op)[] parts, Dictionary<PlanValue, SumTree> sums)
    {
        private readonly SumTree? _sum = parts.Length == 2 ? sums.GetValueOrDefault(parts[0].Step.Outputs[0]) : null;

        public int Input => input;

        /// <summary>The step at whose place the gradient is whole.</summary>
        public PlanStep Place => _sum?.Top ?? parts[0].Step;

        public bool IsWhole => parts.Length == 1 || (parts.Length == 2 && parts[0].Op.Of != parts[1].Op.Of
            && _sum is { Top.IsReplaced: false } && Array.TrueForAll(parts, part => _sum.Owns(part.Step.Outputs[0])));

        public PlanValue? Upstream(LstmResult of) => Array.Find(parts, part => part.Op.Of == of).Step?.Inputs[0];

        public bool Reads(Side other) => Array.TrueForAll(
            [LstmResult.State, LstmResult.Output], result => Upstream(result) == other.Upstream(result));

        /// <summary>Takes the steps out, and returns the value that is to be written now.</summary>
        public PlanValue Take()
        {
            PlanValue value = parts[0].Step.Outputs[0];
            Array.ForEach(parts, part => part.Step.Remove());
            _sum?.Replace(
                _sum.Terms.Where(term => !Array.Exists(parts, part => part.Step.Outputs[0] == term)), [result => value = result]);
            return value;
        }
    }
}
