using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>Forward-mode differentiation, from the same single gradient rule of every op.</summary>
public static class ForwardMode
{
    extension(Graph graph)
    {
        /// <summary>
        /// Adds the Jacobian-vector product Σ_i J_i v_i: how <paramref name="y"/> changes when every x_i moves along v_i. The backward
        /// pass g(u) = uᵀJ is linear in u, so its own gradient with respect to u, in the direction v, is Jv; u needs no value,
        /// and of the first pass only what the second needs is ever computed (the transposition trick of Townsend, 2017).
        /// </summary>
        /// <exception cref="ShapeException">A direction has another shape than its node, or the counts differ.</exception>
        public Node JacobianVectorProduct(Node y, ReadOnlySpan<Node> x, ReadOnlySpan<Node> v)
        {
            if (x.Length != v.Length)
            {
                throw new ShapeException($"as many directions as nodes are needed: {x.Length} nodes, {v.Length} directions");
            }

            Node u = graph.Add(new Cotangent(y.Shape));
            Node[] products = graph.VectorJacobianProduct(y, u, x);
            return graph.Gradient(Inner(products, v), u)[0];
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
