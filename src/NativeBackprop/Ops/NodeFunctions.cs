namespace NativeBackprop.Ops;

/// <summary>The ops as methods of the node that they apply to.</summary>
public static class NodeFunctions
{
    extension(Node x)
    {
        /// <summary>Applies a function of one number to every element.</summary>
        public Node Apply(Elementwise function) => x.Graph.Add(function, x);

        /// <summary>max(0, x).</summary>
        public Node Relu() => x.Apply(new Relu());

        /// <summary>1 / (1 + exp(−x)).</summary>
        public Node Sigmoid() => x.Apply(new Sigmoid());

        /// <summary>The hyperbolic tangent.</summary>
        public Node Tanh() => x.Apply(new Tanh());

        /// <summary>log(1 + exp(x)).</summary>
        public Node Softplus() => x.Apply(new Softplus());

        /// <summary>exp(x).</summary>
        public Node Exp() => x.Apply(new Exp());

        /// <summary>The natural logarithm; a negative element is an error when the plan runs.</summary>
        public Node Log() => x.Apply(new Log());

        /// <summary>√x; a negative element is an error when the plan runs.</summary>
        public Node Sqrt() => x.Apply(new Sqrt());

        /// <summary>x².</summary>
        public Node Square() => x.Apply(new Square());

        /// <summary>1/x.</summary>
        public Node Reciprocal() => x.Apply(new Reciprocal());

        /// <summary>x^p for a constant p.</summary>
        public Node Power(float exponent) => x.Apply(new Power(exponent));

        /// <summary>|x|.</summary>
        public Node Abs() => x.Apply(new Abs());

        /// <summary>sin(x).</summary>
        public Node Sin() => x.Apply(new Sin());

        /// <summary>cos(x).</summary>
        public Node Cos() => x.Apply(new Cos());

        /// <summary>The larger of two, element by element; the gradient goes to the first at a tie.</summary>
        public Node Maximum(Node other) => x.Graph.Add(new Maximum(), x, other);

        /// <summary>The smaller of two, element by element; the gradient goes to the first at a tie.</summary>
        public Node Minimum(Node other) => x.Graph.Add(new Minimum(), x, other);

        /// <summary>The matrix product of two matrices, each transposed first if asked for.</summary>
        public Node MatMul(Node other, bool transposeLeft = false, bool transposeRight = false) =>
            x.Graph.Add(new MatMul(transposeLeft, transposeRight), x, other);

        /// <summary>The softmax over the last dimension.</summary>
        public Node Softmax() => x.Graph.Add(new Softmax(), x);

        /// <summary>log Σ exp over the last dimension, which is dropped.</summary>
        public Node LogSumExp() => x.Graph.Add(new LogSumExp(), x);

        /// <summary>The sum of all elements, a scalar.</summary>
        public Node Sum() => x.Shape.Rank == 0 ? x : x.Graph.Add(new Sum(0, x.Shape.Rank), x);

        /// <summary>The sum over one axis; negative axes count from the end.</summary>
        public Node Sum(int axis, bool keepDimensions = false) => x.Graph.Add(new Sum(x.Axis(axis), 1, keepDimensions), x);

        /// <summary>The mean of all elements, a scalar.</summary>
        public Node Mean() => x.Shape.Rank == 0 ? x : x.Graph.Add(new Mean(0, x.Shape.Rank), x);

        /// <summary>The mean over one axis; negative axes count from the end.</summary>
        public Node Mean(int axis, bool keepDimensions = false) => x.Graph.Add(new Mean(x.Axis(axis), 1, keepDimensions), x);

        /// <summary>The largest element, a scalar.</summary>
        public Node Max() => x.Shape.Rank == 0 ? x : x.Graph.Add(new Max(0, x.Shape.Rank), x);

        /// <summary>The maximum over one axis; negative axes count from the end.</summary>
        public Node Max(int axis, bool keepDimensions = false) => x.Graph.Add(new Max(x.Axis(axis), 1, keepDimensions), x);

        /// <summary>The same elements under another shape.</summary>
        public Node Reshape(Shape shape) => x.Shape.Equals(shape) ? x : x.Refilled(new Reshape(shape)) ?? x.Graph.Add(new Reshape(shape), x);

        /// <summary>Repeats x along the dimensions where it has extent 1.</summary>
        public Node BroadcastTo(Shape shape) => x.Shape.Equals(shape) ? x : x.Refilled(new BroadcastTo(shape)) ?? x.Graph.Add(new BroadcastTo(shape), x);

        /// <summary>Swaps the two dimensions of a matrix, or reverses those of any tensor.</summary>
        public Node Transpose() => x.Transpose([.. Enumerable.Range(0, x.Shape.Rank).Reverse()]);

        /// <summary>Permutes the dimensions.</summary>
        public Node Transpose(params ReadOnlySpan<int> permutation) => x.Graph.Add(new Transpose(permutation), x);

        /// <summary>The elements start..start+length−1 along an axis.</summary>
        public Node Slice(int axis, int start, int length) => x.Graph.Add(new Slice(x.Axis(axis), start, length), x);

        /// <summary>Sums over what broadcasting repeated: the transpose of <see cref="BroadcastTo"/>.</summary>
        public Node SumTo(Shape shape)
        {
            int extra = x.Shape.Rank - shape.Rank;
            Node sum = extra > 0 ? x.Graph.Add(new Sum(0, extra), x) : x;
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

        internal int Axis(int axis) => axis < 0 ? axis + x.Shape.Rank : axis;
    }

    extension(Shape shape)
    {
        /// <summary>The shape with a last dimension of extent 1 added.</summary>
        internal Shape Column() => [.. shape.Extents, 1];
    }
}
