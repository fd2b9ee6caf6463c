using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>Forward-mode differentiation, from the same single gradient rule of every op.</summary>
/// <remarks>Thread safety: as that of the <see cref="Graph"/>.</remarks>
public static class ForwardMode
{
    extension(Graph graph)
    {
        /// <summary>
        /// Adds the Jacobian-vector product Σ_i J_i v_i: how <paramref name="y"/> changes when every x_i moves along v_i. The backward
        /// pass g(u) = uᵀJ is linear in u, so its own gradient with respect to u, in the direction v, is Jv; u needs no value,
        /// and of the first pass only what the second needs is ever computed (the transposition trick of Townsend, 2017).
        /// </summary>
        /// <exception cref="ArgumentNullException">A node is null.</exception>
        /// <exception cref="ShapeException">A direction has another shape than its node, or the counts differ.</exception>
        /// <exception cref="GraphException">
        /// A node belongs to another graph or holds class indices, or an op on the way has no derivative.
        /// </exception>
        /// <exception cref="InvalidOperationException">Another thread is using the graph.</exception>
        public Node JacobianVectorProduct(Node y, ReadOnlySpan<Node> x, ReadOnlySpan<Node> v)
        {
            ArgumentNullException.ThrowIfNull(graph);
            graph.Require(y, nameof(y));
            graph.Require(x, nameof(x));
            graph.Require(v, nameof(v));
            if (x.Length != v.Length)
            {
                throw new ShapeException($"as many directions as nodes are needed: {x.Length} nodes, {v.Length} directions");
            }

            using Graph.Building building = graph.Begin();
            Node u = graph.Add(new Cotangent(y.Shape));
            Node[] products = graph.VectorJacobianProduct(y, u, x);
            Node product = graph.Gradient(Inner(products, v), u)[0];
            building.Complete();
            return product;
        }
    }

    /// <summary>Σ_i ⟨a_i, v_i⟩, a scalar.</summary>
    internal static Node Inner(ReadOnlySpan<Node> a, ReadOnlySpan<Node> v)
    {
        Node? sum = null;
        for (int i = 0; i < a.Length; i++)
        {
            if (!a[i].Shape.Equals(v[i].Shape))
            {
                throw new ShapeException($"direction {i} ({v[i]}) must have the shape {a[i].Shape}, got {v[i].Shape}");
            }

            Node term = (a[i] * v[i]).Sum();
            sum = sum is null ? term : sum + term;
        }

        return sum ?? throw new GraphException("at least one node to differentiate with respect to is needed");
    }

    /// <summary>A stand-in for the vector of a backward pass that is differentiated away; it never has a value.</summary>
    private sealed record Cotangent(Shape Shape) : Leaf("cotangent", Shape);
}
