namespace NativeBackprop;

/// <summary>Finds out whether the rows of a batch have nothing to do with one another on their way through a graph.</summary>
internal static class RowAnalysis
{
    /// <summary>True when row i of a node depends on row i alone of every input that has a row for each example.</summary>
    public static bool KeepsRowsApart(Node output)
    {
        Graph graph = output.Graph;
        bool[] needed = Lowering.Needed(graph, [output]);
        bool[] byRow = new bool[needed.Length];
        for (int i = 0; i < needed.Length; i++)
        {
            Node node = graph.Nodes[i];
            if (!needed[i] || (!node.Shape.IsSymbolic && !HasRow(node, byRow)))
            {
                continue;
            }

            if (!IsBatch(node.Shape) || (node.Inputs.Length > 0 && !node.Op.KeepsRowsApart(node, ByRow(node, byRow))))
            {
                return false;
            }

            byRow[i] = true;
        }

        return byRow[output.Index];
    }

    private static bool IsBatch(Shape shape) => shape.Rank > 0 && shape[0] == Shape.Batch && shape.Count().BatchPower == 1;

    private static bool HasRow(Node node, bool[] byRow) => ByRow(node, byRow).AsSpan().Contains(true);

    private static bool[] ByRow(Node node, bool[] byRow)
    {
        var inputs = new bool[node.Inputs.Length];
        for (int k = 0; k < inputs.Length; k++)
        {
            inputs[k] = byRow[node.Inputs[k].Index];
        }

        return inputs;
    }
}
