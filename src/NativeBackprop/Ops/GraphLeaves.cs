namespace NativeBackprop.Ops;

/// <summary>Leaves and joining ops as methods of the graph.</summary>
public static class GraphLeaves
{
    extension(Graph graph)
    {
        /// <summary>A scalar handed in at every run.</summary>
        public Node Input(string name) => graph.Input(name, Shape.Scalar);

        /// <summary>A tensor handed in at every run; an extent may be <see cref="Shape.Batch"/>.</summary>
        public Node Input(string name, Shape shape) => graph.Add(new Input(name, shape));

        /// <summary>Class indices in 0..classes−1 handed in at every run, one for each example.</summary>
        /// <exception cref="OptionException">There is no class.</exception>
        public Node Labels(string name, int classes) => classes >= 1
            ? graph.Add(new Labels(name, [Shape.Batch], classes))
            : throw new OptionException($"{name}: class indices need at least 1 class, got {classes}");

        /// <summary>The value of a parameter; one node however often it is asked for.</summary>
        public Node Variable(Parameter parameter) => graph.Add(new Variable(parameter));

        /// <summary>A parameter with memory of its own, holding <paramref name="values"/>.</summary>
        /// <exception cref="ShapeException">The number of values is not the shape's.</exception>
        /// <exception cref="DataException">A value is NaN or infinite.</exception>
        public Node Variable(string name, Shape shape, params ReadOnlySpan<float> values)
        {
            var parameter = new Parameter(name, shape);
            parameter.Set(values);
            return graph.Variable(parameter);
        }

        /// <summary>A constant number.</summary>
        public Node Constant(float value) => graph.Add(new Fill(value, Shape.Scalar));

        /// <summary>The same number at every position of a shape.</summary>
        public Node Constant(float value, Shape shape) => graph.Add(new Fill(value, shape));

        /// <summary>Constant numbers.</summary>
        /// <exception cref="ShapeException">The number of values is not the shape's.</exception>
        public Node Constant(Shape shape, params ReadOnlySpan<float> values)
        {
            CheckLength("a constant", shape, values.Length);
            return graph.Add(new Constant(values.ToArray(), shape));
        }

        /// <summary>The operands one after the other along an axis; negative axes count from the end.</summary>
        public Node Concatenate(int axis, params ReadOnlySpan<Node> operands) =>
            graph.Add(new Concatenate(axis < 0 && operands.Length > 0 ? axis + operands[0].Shape.Rank : axis), operands);
    }

    private static void CheckLength(string name, Shape shape, int length)
    {
        if (length != shape.Length)
        {
            throw new ShapeException($"{name} of shape {shape} needs {shape.Length} values, got {length}");
        }
    }
}
