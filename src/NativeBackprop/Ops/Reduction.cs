namespace NativeBackprop.Ops;

/// <summary>A reduction over adjacent axes: x is read as [outer, reduce, inner].</summary>
internal abstract record Reduction(int Axis, int Axes, bool KeepDimensions) : Op
{
    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Shape shape = inputs[0];
        if (Axis < 0 || Axes < 0 || Axis > shape.Rank - Axes)
        {
            throw new ShapeException($"axes {Axis}..{Axis + Axes - 1} lie outside 0..{shape.Rank - 1}");
        }

        for (int i = Axis + Axes - 1; i >= Axis; i--)
        {
            shape = KeepDimensions ? shape.With(i, 1) : shape.Without(i);
        }

        return shape;
    }

    /// <summary>The extents of [outer, reduce, inner].</summary>
    protected (int Outer, int Reduce, int Inner) Split(Shape x)
    {
        (int outer, int reduce, int inner) = (1, 1, 1);
        for (int i = 0; i < x.Rank; i++)
        {
            if (i < Axis)
            {
                outer *= x[i];
            }
            else if (i < Axis + Axes)
            {
                reduce *= x[i];
            }
            else
            {
                inner *= x[i];
            }
        }

        return (outer, reduce, inner);
    }

    /// <summary>A node of the result's shape, reshaped so that the reduced axes are there with extent 1.</summary>
    protected Node Restore(Node reduced, Shape x)
    {
        Shape shape = x;
        for (int i = Axis; i < Axis + Axes; i++)
        {
            shape = shape.With(i, 1);
        }

        return reduced.Reshape(shape);
    }

    /// <summary>Calls back with (position in the result, first element, number of elements, distance between them) for every result.</summary>
    protected void ForEach(Shape x, Action<int, int, int, int> body)
    {
        (int outer, int reduce, int inner) = Split(x);
        for (int o = 0; o < outer; o++)
        {
            for (int i = 0; i < inner; i++)
            {
                body((o * inner) + i, (o * reduce * inner) + i, reduce, inner);
            }
        }
    }
}
