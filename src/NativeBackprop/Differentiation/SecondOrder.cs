using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>Second derivatives without ever forming a Hessian, and whole Jacobians and Hessians for small problems.</summary>
public static class SecondOrder
{
    extension(Graph graph)
    {
        /// <summary>
        /// Adds the products of the Hessian of a scalar with a vector, one for each node: Hv = ∇⟨∇f, v⟩
        /// (lecture notes 002, high-order derivatives; Pearlmutter 1994).
        /// </summary>
        /// <param name="loss">The scalar f.</param>
        /// <param name="withRespectTo">The nodes x_i whose blocks make up H.</param>
        /// <param name="v">The vector's blocks, each of its node's shape.</param>
        public Node[] HessianVectorProduct(Node loss, ReadOnlySpan<Node> withRespectTo, ReadOnlySpan<Node> v)
        {
            if (withRespectTo.Length != v.Length)
            {
                throw new ShapeException($"as many vectors as nodes are needed: {withRespectTo.Length} nodes, {v.Length} vectors");
            }

            return graph.Gradient(ForwardMode.Inner(graph.Gradient(loss, withRespectTo), v), withRespectTo);
        }

        /// <summary>
        /// Adds the Jacobian of y with respect to x as a matrix [length of y, length of x], by one backward pass for each element of y.
        /// Meant for small problems: the graph grows by y's length times the cost of a backward pass.
        /// </summary>
        /// <exception cref="ShapeException">A shape depends on the batch size.</exception>
        public Node Jacobian(Node y, Node x)
        {
            int rows = y.Shape.Length, columns = x.Shape.Length;
            var all = new Node[rows];
            for (int i = 0; i < rows; i++)
            {
                var unit = new float[rows];
                unit[i] = 1;
                all[i] = graph.VectorJacobianProduct(y, graph.Constant(y.Shape, unit), x)[0].Reshape([1, columns]);
            }

            return graph.Concatenate(0, all);
        }

        /// <summary>Adds the Hessian of a scalar with respect to one node as a matrix; for small problems.</summary>
        public Node Hessian(Node loss, Node x) => graph.Jacobian(graph.Gradient(loss, x)[0], x);
    }
}
