using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>Reverse-mode differentiation: gradients as more graph (symbol to symbol), differentiable again to any order.</summary>
/// <remarks>Thread safety: as that of the <see cref="Graph"/>.</remarks>
public static class ReverseMode
{
    extension(Graph graph)
    {
        /// <summary>
        /// Adds the gradients of a scalar with respect to some nodes and returns them, each of its node's shape. The list is walked
        /// backward once with a table of gradients; where a node has several consumers they are summed (Deep Learning, algorithm 6.2).
        /// A node that the scalar does not depend on gets zeros. A gradient reads variables as the nodes that it belongs to read them, also
        /// when those have been updated since.
        /// </summary>
        /// <exception cref="ArgumentNullException">A node is null.</exception>
        /// <exception cref="GraphException">
        /// The loss is not a scalar, a node belongs to another graph or holds class indices, or an op on the way has no gradient.
        /// </exception>
        /// <exception cref="InvalidOperationException">Another thread is using the graph.</exception>
        public Node[] Gradient(Node loss, params ReadOnlySpan<Node> withRespectTo)
        {
            ArgumentNullException.ThrowIfNull(graph);
            using Graph.Building building = graph.Begin();
            RequireScalar(graph, loss);
            Node[] gradients = Backward(loss, graph.Constant(1, loss.Shape), withRespectTo, null);
            building.Complete();
            return gradients;
        }

        /// <summary>
        /// Adds vᵀJ for the Jacobian J of <paramref name="y"/> with respect to each of some nodes: one backward pass that starts
        /// with <paramref name="v"/>, of y's shape.
        /// </summary>
        /// <exception cref="ArgumentNullException">A node is null.</exception>
        /// <exception cref="ShapeException">v has another shape than y.</exception>
        /// <exception cref="GraphException">
        /// A node belongs to another graph or holds class indices, or an op on the way has no gradient.
        /// </exception>
        /// <exception cref="InvalidOperationException">Another thread is using the graph.</exception>
        public Node[] VectorJacobianProduct(Node y, Node v, params ReadOnlySpan<Node> withRespectTo)
        {
            ArgumentNullException.ThrowIfNull(graph);
            graph.Require(y, nameof(y));
            graph.Require(v, nameof(v));
            if (!v.Shape.Equals(y.Shape))
            {
                throw new ShapeException($"the vector for {y} must have its shape {y.Shape}, got {v.Shape}");
            }

            using Graph.Building building = graph.Begin();
            Node[] products = Backward(y, v, withRespectTo, null);
            building.Complete();
            return products;
        }
    }

    internal static void RequireScalar(Graph graph, Node loss)
    {
        graph.Require(loss, nameof(loss));
        if (loss.Shape.Count() is not (1, 0))
        {
            throw new GraphException(
                $"the gradient needs a scalar, but {loss} has the shape {loss.Shape}; sum it, or use VectorJacobianProduct");
        }
    }

    /// <summary>The backward pass, over the nodes themselves or over what is computed again in their place.</summary>
    internal static Node[] Backward(Node y, Node v, ReadOnlySpan<Node> withRespectTo, Recomputation.Copies? copies)
    {
        Graph graph = y.Graph;
        bool[] leads = LeadsToAny(graph, y, withRespectTo);
        var gradients = new Node?[y.Index + 1];
        gradients[y.Index] = Fixed(v);
        for (int i = y.Index; i >= 0; i--)
        {
            Node node = graph.Nodes[i];
            if (gradients[i] is not { } dy || node.Inputs.Length == 0)
            {
                continue;
            }

            // What belongs to a node reads what the node reads, also when an update has been added since.
            using Graph.Use reading = graph.ReadAt(node.ReadTime);
            Node at = copies?.Of(node, dy) ?? node;
            for (int k = 0; k < node.Inputs.Length; k++)
            {
                Node input = node.Inputs[k];
                if (leads[input.Index] && node.Op.Gradient(at, k, dy) is { } dx)
                {
                    if (!dx.Shape.Equals(input.Shape))
                    {
                        throw new ShapeException($"{node}: the gradient of input {k} must have the shape {input.Shape}, got {dx.Shape}");
                    }

                    gradients[input.Index] = gradients[input.Index] is { } sum ? sum + dx : Fixed(dx);
                }
            }
        }

        var result = new Node[withRespectTo.Length];
        for (int i = 0; i < result.Length; i++)
        {
            Node x = withRespectTo[i];
            result[i] = (x.Index <= y.Index ? gradients[x.Index] : null) ?? graph.Constant(0, x.Shape);
        }

        return result;
    }

    // A gradient that is a variable, or a view of one, stands for what that holds here, and not where the next node uses it.
    private static Node Fixed(Node gradient) => gradient.Variable is null ? gradient : gradient.Graph.Add(new AsOf(), gradient);

    // Forward sweep: a gradient is worth passing to a node only if one of the wanted nodes lies beneath it.
    private static bool[] LeadsToAny(Graph graph, Node y, ReadOnlySpan<Node> targets)
    {
        var leads = new bool[y.Index + 1];
        foreach (Node target in targets)
        {
            graph.Require(target, nameof(targets));
            if (target.Op.ElementType != ElementType.Float32)
            {
                throw new GraphException($"{target} holds class indices, which have no gradient");
            }

            if (target.Index <= y.Index)
            {
                leads[target.Index] = true;
            }
        }

        for (int i = 0; i <= y.Index; i++)
        {
            foreach (Node input in graph.Nodes[i].Inputs)
            {
                leads[i] |= leads[input.Index];
            }
        }

        return leads;
    }
}
