using NativeBackprop.Ops;

namespace NativeBackprop;

/// <summary>
/// Recomputation (also called activation checkpointing): a backward pass that keeps only some values of the forward pass and computes
/// what lies between them again when it gets there, so that time is traded for memory (Chen et al. 2016; lecture notes 002, speed and
/// memory).
/// </summary>
/// <remarks>Thread safety: as that of the <see cref="Graph"/>.</remarks>
public static class Recomputation
{
    extension(Graph graph)
    {
        /// <summary>
        /// As <c>Gradient</c>, with the same values, but what was computed between two kept nodes in a row (or before the first) is
        /// computed again from the earlier one during the backward pass, and needs no memory in between. What follows the last one
        /// is kept too. The outputs of every √n-th of n layers are good nodes to keep.
        /// </summary>
        /// <param name="loss">The scalar.</param>
        /// <param name="kept">The nodes whose values are kept.</param>
        /// <param name="withRespectTo">The nodes to differentiate with respect to.</param>
        /// <exception cref="ArgumentNullException">A node is null.</exception>
        /// <exception cref="GraphException">
        /// The loss is not a scalar, a node belongs to another graph or holds class indices, or an op on the way has no gradient.
        /// </exception>
        /// <exception cref="InvalidOperationException">Another thread is using the graph.</exception>
        public Node[] GradientWithRecomputation(Node loss, ReadOnlySpan<Node> kept, ReadOnlySpan<Node> withRespectTo)
        {
            ArgumentNullException.ThrowIfNull(graph);
            using Graph.Building building = graph.Begin();
            ReverseMode.RequireScalar(graph, loss);
            graph.Require(kept, nameof(kept));
            var copies = new Copies(loss, kept);
            Node[] gradients = ReverseMode.Backward(loss, graph.Constant(1, loss.Shape), withRespectTo, copies);
            building.Complete();
            return gradients;
        }
    }

    /// <summary>The second copies of the nodes that a backward pass comes upon, a segment at a time.</summary>
    internal sealed class Copies
    {
        private readonly Graph _graph;
        private readonly bool[] _needed;
        private readonly int[] _ends;
        private readonly Dictionary<Node, Node> _copies = [];
        private int _segment = -1;

        public Copies(Node loss, ReadOnlySpan<Node> kept)
        {
            _graph = loss.Graph;
            _ends = [.. kept.ToArray().Select(node => node.Index).Where(index => index < loss.Index).Distinct().Order()];
            _needed = _graph.Needed(loss);
        }

        /// <summary>
        /// The node to take a gradient at in place of <paramref name="node"/>, whose own gradient <paramref name="dy"/> is known.
        /// </summary>
        public Node Of(Node node, Node dy)
        {
            int segment = Array.FindIndex(_ends, end => end >= node.Index);
            if (segment < 0)
            {
                return node;
            }

            if (segment != _segment)
            {
                _segment = segment;
                Copy(segment == 0 ? 0 : _ends[segment - 1] + 1, _ends[segment], dy);
            }

            return _copies.GetValueOrDefault(node, node);
        }

        // Copies a whole segment in order, each node as it reads variables itself; a counter must not count twice. What nobody asks for
        // falls out when a plan is made.
        private void Copy(int first, int last, Node dy)
        {
            _copies.Clear();
            for (int i = first; i <= last; i++)
            {
                Node node = _graph.Nodes[i];
                if (_needed[i] && node.Inputs.Length > 0 && node.Op.IsPure && !node.Writes)
                {
                    using Graph.Use reading = _graph.ReadAt(node.ReadTime);
                    Node[] inputs = new Node[node.Inputs.Length];
                    for (int k = 0; k < inputs.Length; k++)
                    {
                        Node input = node.Inputs[k];
                        inputs[k] = _copies.TryGetValue(input, out Node? copy) ? copy
                            : IsFixed(input.Op) ? input
                            : _graph.Add(new Recompute(), input, dy);
                    }

                    _copies.Add(node, _graph.Add(node.Op, inputs));
                }
            }
        }

        // Parameters and constants take no memory of the plan's that a second computation could save, and class indices are not numbers.
        private static bool IsFixed(Op op) => op is (Leaf and not Input) or Fill or Constant;
    }
}
