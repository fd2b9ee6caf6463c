using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>Second derivatives without ever forming a Hessian, and whole Jacobians and Hessians for small problems.</summary>
/// <remarks>Thread safety: as that of the <see cref="Graph"/>.</remarks>
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
        /// <exception cref="ArgumentNullException">A node is null.</exception>
        /// <exception cref="ShapeException">A block has another shape than its node, or the counts differ.</exception>
        /// <exception cref="GraphException">
        /// The loss is not a scalar, a node belongs to another graph, or an op on the way has no second derivative.
        /// </exception>
        /// <exception cref="InvalidOperationException">Another thread is using the graph.</exception>
        public Node[] HessianVectorProduct(Node loss, ReadOnlySpan<Node> withRespectTo, ReadOnlySpan<Node> v)
        {
            ArgumentNullException.ThrowIfNull(graph);
            graph.Require(loss, nameof(loss));
            graph.Require(withRespectTo, nameof(withRespectTo));
            graph.Require(v, nameof(v));
            if (withRespectTo.Length != v.Length)
            {
                throw new ShapeException($"as many vectors as nodes are needed: {withRespectTo.Length} nodes, {v.Length} vectors");
            }

            using Graph.Building building = graph.Begin();
            Node[] products = graph.Gradient(ForwardMode.Inner(graph.Gradient(loss, withRespectTo), v), withRespectTo);
            building.Complete();
            return products;
        }

        /// <summary>
        /// Adds the Jacobian of y with respect to x as a matrix [length of y, length of x], by one backward pass for each element of y.
        /// Meant for small problems: the graph grows by y's length times the cost of a backward pass.
        /// </summary>
        /// <exception cref="ArgumentNullException">A node is null.</exception>
        /// <exception cref="ShapeException">A shape depends on the batch size.</exception>
        /// <exception cref="GraphException">A node belongs to another graph, y is empty, or an op on the way has no derivative.</exception>
        /// <exception cref="InvalidOperationException">Another thread is using the graph.</exception>
        public Node Jacobian(Node y, Node x)
        {
            ArgumentNullException.ThrowIfNull(graph);
            graph.Require(y, nameof(y));
            graph.Require(x, nameof(x));
            using Graph.Building building = graph.Begin();
            int rows = y.Shape.Length, columns = x.Shape.Length;
            var all = new Node[rows];
            for (int i = 0; i < rows; i++)
            {
                var unit = new float[rows];
                unit[i] = 1;
                all[i] = graph.VectorJacobianProduct(y, graph.Constant(y.Shape, unit), x)[0].Reshape([1, columns]);
            }

            Node jacobian = graph.Concatenate(0, all);
            building.Complete();
            return jacobian;
        }

        /// <summary>Adds the Hessian of a scalar with respect to one node as a matrix; for small problems.</summary>
        /// <exception cref="ArgumentNullException">A node is null.</exception>
        /// <exception cref="ShapeException">The shape of x depends on the batch size.</exception>
        /// <exception cref="GraphException">
        /// The loss is not a scalar, a node belongs to another graph, or an op on the way has no second derivative.
        /// </exception>
        /// <exception cref="InvalidOperationException">Another thread is using the graph.</exception>
        public Node Hessian(Node loss, Node x)
        {
            ArgumentNullException.ThrowIfNull(graph);
            using Graph.Building building = graph.Begin();
            Node hessian = graph.Jacobian(graph.Gradient(loss, x)[0], x);
            building.Complete();
            return hessian;
        }
    }
}
