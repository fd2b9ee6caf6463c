namespace NativeBackprop.Ops;

/// <summary>
/// Derivatives of a fused op through simple ops that compute the same: what a second derivative or the forward mode asks for.
/// </summary>
internal static class Expansion
{
    /// <summary>
    /// The operands of a fused op with one of them in a node of its own, so that a value which stands there twice is told apart.
    /// </summary>
    public static Node[] Operands(Node node, int input)
    {
        Node[] operands = node.Inputs.ToArray();
        Node x = operands[input];
        for (int i = 0; i < operands.Length; i++)
        {
            if (i != input && operands[i] == x)
            {
                operands[input] = x.Graph.Add(new AsOf(), x);
            }
        }

        return operands;
    }

    /// <summary>
    /// The gradient of ⟨y, dy⟩ with respect to one of the operands that y is made of; null when y does not depend on it. What the
    /// operands themselves are made of is not looked at.
    /// </summary>
    public static Node? Gradient(Node y, Node dy, Node x, ReadOnlySpan<Node> operands)
    {
        HashSet<Node> leaves = [.. operands.ToArray()];
        Node[] nodes = Between(y, leaves);
        var leads = new HashSet<Node> { x };
        foreach (Node node in nodes)
        {
            if (node.Inputs.ToArray().Exists(leads.Contains))
            {
                leads.Add(node);
            }
        }

        var gradients = new Dictionary<Node, Node> { [y] = dy };
        for (int i = nodes.Length - 1; i >= 0; i--)
        {
            Node node = nodes[i];
            for (int k = 0; gradients.TryGetValue(node, out Node? upstream) && k < node.Inputs.Length; k++)
            {
                Node input = node.Inputs[k];
                if (leads.Contains(input) && node.Op.Gradient(node, k, upstream) is { } part)
                {
                    gradients[input] = gradients.TryGetValue(input, out Node? sum) ? sum + part : part;
                }
            }
        }

        return gradients.GetValueOrDefault(x);
    }

    // The nodes above the leaves that a value is made of, in order of creation.
    private static Node[] Between(Node y, HashSet<Node> leaves)
    {
        var found = new HashSet<Node>();
        var open = new Stack<Node>([y]);
        while (open.TryPop(out Node? node))
        {
            if (!leaves.Contains(node) && found.Add(node))
            {
                foreach (Node input in node.Inputs)
                {
                    open.Push(input);
                }
            }
        }

        return [.. found.OrderBy(node => node.Index)];
    }

    private static bool Exists(this Node[] nodes, Predicate<Node> match) => Array.Exists(nodes, match);
}
