namespace NativeBackprop.Ops;

/// <summary>A reduction over adjacent axes: x is read as [outer, reduce, inner].</summary>
internal abstract record Reduction(int Axis, int Axes, bool KeepDimensions) : Op
{
    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => Axis > 0;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs)
    {
        Shape shape = inputs[0];
        RequireAxes(shape, Axis, Axes);
        for (int i = Axis + Axes - 1; i >= Axis; i--)
        {
            shape = KeepDimensions ? shape.With(i, 1) : shape.Without(i);
        }

        return shape;
    }

    /// <summary>Refuses what is not one axis of a shape or several adjacent ones.</summary>
    internal static void RequireAxes(Shape x, int axis, int axes)
    {
        if (axis < 0 || axes < 1 || (long)axis + axes > x.Rank)
        {
            throw new ShapeException(axes < 1
                ? $"expected at least one axis, got {axes}"
                : $"axes {axis}..{(long)axis + axes - 1} lie outside 0..{x.Rank - 1}");
        }
    }

    /// <summary>Refuses a reduction that is not defined for no elements at all.</summary>
    /// <exception cref="ShapeException">A reduced axis is empty.</exception>
    private protected void RequireElements(string name, Shape x)
    {
        for (int i = Axis; i < Axis + Axes; i++)
        {
            if (x[i] == 0)
            {
                throw new ShapeException($"the {name} of no elements is not defined: axis {i} of {x} is empty");
            }
        }
    }

    /// <summary>The extents of [outer, reduce, inner].</summary>
    protected (int Outer, int Reduce, int Inner) Split(Shape x) =>
        (x.Product(0, Axis), x.Product(Axis, Axes), x.Product(Axis + Axes, x.Rank - Axis - Axes));

    /// <summary>A node of the result's shape, reshaped so that the reduced axes are there with extent 1.</summary>
    protected Node Restore(Node reduced, Shape x) => reduced.Reshape(Ones(x, Axis, Axes));

    /// <summary>A shape with some of its extents replaced by 1.</summary>
    internal static Shape Ones(Shape x, int axis, int axes)
    {
        Shape shape = x;
        for (int i = axis; i < axis + axes; i++)
        {
            shape = shape.With(i, 1);
        }

        return shape;
    }

    /// <summary>Calls back with (position in the result, first element, number of elements, distance between them).</summary>
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
