namespace NativeBackprop.Ops;

/// <summary>
/// The ops as methods of the node that they apply to. Each adds to the node's graph, and throws <see cref="ArgumentNullException"/> for
/// no node, <see cref="ShapeException"/> for shapes or an axis that do not fit, <see cref="GraphException"/> for a node of another graph.
/// </summary>
/// <remarks>Thread safety: as that of the <see cref="Graph"/>.</remarks>
public static class NodeFunctions
{
    extension(Node x)
    {
        /// <summary>Applies a function of one number to every element.</summary>
        public Node Apply(Elementwise function) => GraphOf(x).Add(function, x);

        /// <summary>Applies a row of the table.</summary>
        internal Node Apply(FunctionRow row, float parameter = 0) => x.Apply(row.Create(parameter));

        /// <summary>max(0, x).</summary>
        public Node Relu() => x.Apply(new Relu());

        /// <summary>1 / (1 + exp(−x)).</summary>
        public Node Sigmoid() => x.Apply(new Sigmoid());

        /// <summary>The hyperbolic tangent.</summary>
        public Node Tanh() => x.Apply(new Tanh());

        /// <summary>log(1 + exp(x)).</summary>
        public Node Softplus() => x.Apply(new Softplus());

        /// <summary>exp(x).</summary>
        public Node Exp() => x.Apply(Functions.Exp);

        /// <summary>The natural logarithm; a negative element is an error when the plan runs.</summary>
        public Node Log() => x.Apply(Functions.Log);

        /// <summary>√x; a negative element is an error when the plan runs.</summary>
        public Node Sqrt() => x.Apply(Functions.Sqrt);

        /// <summary>x².</summary>
        public Node Square() => x.Apply(Functions.Square);

        /// <summary>1/x.</summary>
        public Node Reciprocal() => x.Apply(Functions.Reciprocal);

        /// <summary>x^p for a constant p.</summary>
        public Node Power(float exponent) => x.Apply(Functions.Power, exponent);

        /// <summary>|x|.</summary>
        public Node Abs() => x.Apply(new Abs());

        /// <summary>sin(x).</summary>
        public Node Sin() => x.Apply(Functions.Sin);

        /// <summary>cos(x).</summary>
        public Node Cos() => x.Apply(new Cos());

        /// <summary>The larger of two, element by element; the gradient goes to the first at a tie.</summary>
        public Node Maximum(Node other) => GraphOf(x).Add(Binary.Maximum, x, other);

        /// <summary>The smaller of two, element by element; the gradient goes to the first at a tie.</summary>
        public Node Minimum(Node other) => GraphOf(x).Add(Binary.Minimum, x, other);

        /// <summary>
        /// The matrix product over the last two dimensions, each operand transposed there first if asked for. Leading dimensions of both
        /// must agree; where only one has them, the other is one matrix for all.
        /// </summary>
        public Node MatMul(Node other, bool transposeLeft = false, bool transposeRight = false) =>
            GraphOf(x).Add(new MatMul(transposeLeft, transposeRight), x, other);

        /// <summary>The softmax over the last dimension.</summary>
        public Node Softmax() => GraphOf(x).Add(new Softmax(), x);

        /// <summary>log Σ exp over the last dimension, which is dropped.</summary>
        public Node LogSumExp() => GraphOf(x).Add(new LogSumExp(), x);

        /// <summary>The sum of all elements, a scalar.</summary>
        public Node Sum() => RankOf(x) == 0 ? x : GraphOf(x).Add(new Sum(0, x.Shape.Rank), x);

        /// <summary>The sum over one axis; negative axes count from the end.</summary>
        public Node Sum(int axis, bool keepDimensions = false) => GraphOf(x).Add(new Sum(x.Axis(axis), 1, keepDimensions), x);

        /// <summary>The mean of all elements, a scalar.</summary>
        public Node Mean() => RankOf(x) == 0 ? x : GraphOf(x).Add(new Mean(0, x.Shape.Rank), x);

        /// <summary>The mean over one axis; negative axes count from the end.</summary>
        public Node Mean(int axis, bool keepDimensions = false) => GraphOf(x).Add(new Mean(x.Axis(axis), 1, keepDimensions), x);

        /// <summary>The largest element, a scalar.</summary>
        public Node Max() => RankOf(x) == 0 ? x : GraphOf(x).Add(new Max(0, x.Shape.Rank), x);

        /// <summary>The maximum over one axis; negative axes count from the end.</summary>
        public Node Max(int axis, bool keepDimensions = false) => GraphOf(x).Add(new Max(x.Axis(axis), 1, keepDimensions), x);

        /// <summary>The same elements under another shape.</summary>
        /// <exception cref="ShapeException">The shapes differ in their number of elements.</exception>
        public Node Reshape(Shape shape)
        {
            ArgumentNullException.ThrowIfNull(shape);
            return ShapeOf(x).Equals(shape) ? x : x.Refilled(new Reshape(shape)) ?? x.Graph.Add(new Reshape(shape), x);
        }

        /// <summary>Repeats x along the dimensions where it has extent 1.</summary>
        /// <exception cref="ShapeException">x does not broadcast to it.</exception>
        public Node BroadcastTo(Shape shape)
        {
            ArgumentNullException.ThrowIfNull(shape);
            return ShapeOf(x).Equals(shape) ? x : x.Refilled(new BroadcastTo(shape)) ?? x.Graph.Add(new BroadcastTo(shape), x);
        }

        /// <summary>Swaps the two dimensions of a matrix, or reverses those of any tensor.</summary>
        public Node Transpose() => x.Transpose([.. Enumerable.Range(0, RankOf(x)).Reverse()]);

        /// <summary>Permutes the dimensions; what is permuted back is the value that it was.</summary>
        public Node Transpose(params ReadOnlySpan<int> permutation)
        {
            Graph graph = GraphOf(x);
            var op = new Transpose(permutation);
            return x.Op is Transpose before && op.Undoes(before) ? x.Inputs[0] : graph.Add(op, x);
        }

        /// <summary>The elements start..start+length−1 along an axis.</summary>
        public Node Slice(int axis, int start, int length) => GraphOf(x).Add(new Slice(x.Axis(axis), start, length), x);

        /// <summary>Sums over what broadcasting repeated: the transpose of <see cref="BroadcastTo"/>.</summary>
        /// <exception cref="ShapeException">The shape does not broadcast to x's.</exception>
        public Node SumTo(Shape shape)
        {
            ArgumentNullException.ThrowIfNull(shape);
            if (!Shape.Broadcast(ShapeOf(x), shape).Equals(x.Shape))
            {
                throw new ShapeException($"{x} {x.Shape}: {shape} does not broadcast to {x.Shape}, so there is no sum back to it");
            }

            int extra = x.Shape.Rank - shape.Rank;
            Node sum = extra > 0 ? GraphOf(x).Add(new Sum(0, extra), x) : x;
            for (int axis = 0; axis < shape.Rank; axis++)
            {
                int last = axis;
                while (last < shape.Rank && shape[last] == 1 && sum.Shape[last] != 1)
                {
                    last++;
                }

                if (last > axis)
                {
                    sum = sum.Graph.Add(new Sum(axis, last - axis, true), sum);
                    axis = last - 1;
                }
            }

            return sum;
        }

        /// <summary>
        /// A number that is the same everywhere stays that under another shape: what starts a gradient reaches its first real
        /// operand as one constant. Null for any other node.
        /// </summary>
        private Node? Refilled(Op op) => x.Op is Fill fill ? x.Graph.Constant(fill.Value, op.InferShape([x.Shape])) : null;

        internal int Axis(int axis) => axis < 0 ? axis + RankOf(x) : axis;
    }

    /// <summary>The graph of a node, which must not be null.</summary>
    internal static Graph GraphOf(Node x)
    {
        ArgumentNullException.ThrowIfNull(x);
        return x.Graph;
    }

    private static Shape ShapeOf(Node x)
    {
        ArgumentNullException.ThrowIfNull(x);
        return x.Shape;
    }

    private static int RankOf(Node x) => ShapeOf(x).Rank;

    extension(Shape shape)
    {
        /// <summary>The shape with a last dimension of extent 1 added.</summary>
        internal Shape Column() => [.. shape.Extents, 1];
    }
}
