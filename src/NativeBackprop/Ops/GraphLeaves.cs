namespace NativeBackprop.Ops;

/// <summary>Leaves and joining ops as methods of the graph.</summary>
/// <remarks>Thread safety: as that of the <see cref="Graph"/>.</remarks>
public static class GraphLeaves
{
    extension(Graph graph)
    {
        /// <summary>A scalar handed in at every run.</summary>
        public Node Input(string name) => graph.Input(name, Shape.Scalar);

        /// <summary>A tensor handed in at every run; an extent may be <see cref="Shape.Batch"/>.</summary>
        public Node Input(string name, Shape shape)
        {
            ArgumentNullException.ThrowIfNull(name);
            ArgumentNullException.ThrowIfNull(shape);
            return Required(graph).Add(new Input(name, shape));
        }

        /// <summary>Rows handed in at every run, of the kind that they are; indices are for the embedding layer.</summary>
        /// <exception cref="OptionException">The rows have their channels first: the graph wants them last.</exception>
        public Node Input(string name, RowShape rows)
        {
            ArgumentNullException.ThrowIfNull(rows);
            return !rows.IsTransposed ? graph.InputRows(name, rows).Leaf : throw new OptionException(
                $"{name}: rows with their channels first are transposed by a trainer or a predictor; a graph's input has them last");
        }

        /// <summary>
        /// The leaf that rows are bound to, and the node that a model reads: the same one, unless the channels stand first in the data.
        /// </summary>
        internal (Node Leaf, Node Rows) InputRows(string name, RowShape rows)
        {
            ArgumentNullException.ThrowIfNull(name);
            if (rows.Kind == RowKind.Indices)
            {
                Node indices = Required(graph).Indices(name, rows.Batch, rows.Bound);
                return (indices, indices);
            }

            Shape shape = rows.IsTransposed ? [Shape.Batch, .. rows.FileShape] : rows.Batch;
            Node leaf = Required(graph).Add(new Input(name, shape, rows.Kind));
            return (leaf, !rows.IsTransposed ? leaf
                : graph.Add(new Transpose(rows.Kind == RowKind.Image ? [0, 2, 3, 1] : [0, 2, 1]), leaf));
        }

        /// <summary>
        /// Class indices in 0..classes−1 handed in at every run, one for each example; another index is refused when it is bound.
        /// </summary>
        /// <exception cref="OptionException">There are fewer classes than 1.</exception>
        public Node Labels(string name, int classes)
        {
            ArgumentNullException.ThrowIfNull(name);
            return classes > 0
                ? Required(graph).Add(new Indices(name, [Shape.Batch], new IndexRange(classes)))
                : throw new OptionException($"{name}: the number of classes must be at least 1, got {classes}");
        }

        /// <summary>
        /// Class indices in 0..classes−1 of any shape, such as one for each step of sequences, [B, T]; −100 stands for no class.
        /// Another index is refused when it is bound.
        /// </summary>
        /// <exception cref="OptionException">There are fewer classes than 1.</exception>
        public Node Labels(string name, Shape shape, int classes)
        {
            ArgumentNullException.ThrowIfNull(name);
            ArgumentNullException.ThrowIfNull(shape);
            return classes > 0
                ? Required(graph).Add(new Indices(name, shape, new IndexRange(classes, AllowsNone: true)))
                : throw new OptionException($"{name}: the number of classes must be at least 1, got {classes}");
        }

        /// <summary>
        /// Positions in 0..bound−1 handed in at every run, such as rows of a table; another one is refused when it is bound.
        /// </summary>
        /// <exception cref="OptionException">The bound is below 1.</exception>
        public Node Indices(string name, Shape shape, int bound)
        {
            ArgumentNullException.ThrowIfNull(name);
            ArgumentNullException.ThrowIfNull(shape);
            return bound > 0
                ? Required(graph).Add(new Indices(name, shape, new IndexRange(bound, Word: "index")))
                : throw new OptionException($"{name}: the bound of indices must be at least 1, got {bound}");
        }

        /// <summary>
        /// How many steps of each sequence count, [B] in 1..steps, handed in at every run; another number is refused when it is bound.
        /// </summary>
        /// <exception cref="OptionException">There are fewer steps than 1.</exception>
        public Node Lengths(string name, int steps)
        {
            ArgumentNullException.ThrowIfNull(name);
            return steps is > 0 and < int.MaxValue
                ? Required(graph).Add(new Indices(name, [Shape.Batch], new IndexRange(steps + 1, 1, Word: "length")))
                : throw new OptionException($"{name}: sequences must have between 1 and 2^31 − 2 steps, got {steps}");
        }

        /// <summary>The value of a parameter; one node however often it is asked for.</summary>
        public Node Variable(Parameter parameter)
        {
            ArgumentNullException.ThrowIfNull(parameter);
            return Required(graph).Add(new Variable(parameter));
        }

        /// <summary>A parameter with memory of its own, holding <paramref name="values"/>.</summary>
        /// <exception cref="ShapeException">The number of values is not the shape's, or the shape depends on the batch size.</exception>
        /// <exception cref="DataException">A value is NaN or infinite.</exception>
        public Node Variable(string name, Shape shape, params ReadOnlySpan<float> values)
        {
            ArgumentNullException.ThrowIfNull(name);
            ArgumentNullException.ThrowIfNull(shape);
            var parameter = new Parameter(name, shape);
            parameter.Set(values);
            return graph.Variable(parameter);
        }

        /// <summary>A constant number.</summary>
        public Node Constant(float value) => graph.Constant(value, Shape.Scalar);

        /// <summary>The same number at every position of a shape.</summary>
        public Node Constant(float value, Shape shape)
        {
            ArgumentNullException.ThrowIfNull(shape);
            return Required(graph).Add(new Fill(value, shape));
        }

        /// <summary>Constant numbers, which are copied.</summary>
        /// <exception cref="ShapeException">The number of values is not the shape's, or the shape depends on the batch size.</exception>
        public Node Constant(Shape shape, params ReadOnlySpan<float> values)
        {
            ArgumentNullException.ThrowIfNull(shape);
            return Required(graph).Add(new Constant(values, shape));
        }

        /// <summary>The operands one after the other along an axis; negative axes count from the end.</summary>
        /// <exception cref="ShapeException">There are no operands, the axis is none of theirs, or they differ along another.</exception>
        public Node Concatenate(int axis, params ReadOnlySpan<Node> operands)
        {
            if (axis < 0 && operands.Length > 0)
            {
                ArgumentNullException.ThrowIfNull(operands[0], nameof(operands));
                axis += operands[0].Shape.Rank;
            }

            return Required(graph).Add(new Concatenate(axis), operands);
        }
    }

    private static Graph Required(Graph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        return graph;
    }
}
