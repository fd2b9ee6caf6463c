using NativeBackprop.Interop;

namespace NativeBackprop.Ops;

/// <summary>
/// Rows of a table: y[p] = w[i_p] for indices i of any shape [..] into w [Rows, Units], zeros for no class; the result is [.., Units]. Its
/// gradient adds dy's rows up where they come from.
/// </summary>
internal sealed record Gather : Op
{
    internal override int Arity => 2;

    internal override ElementType InputType(int input) => input == 1 ? ElementType.Int32 : ElementType.Float32;

    internal override int IndexLimit(int input, ReadOnlySpan<Shape> inputs) => inputs[0][0];

    internal override bool TakesNoClass(int input) => true;

    internal override bool KeepsRowsApart(Node node, ReadOnlySpan<bool> byRow) => !byRow[0] && byRow[1];

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0].Rank == 2 && !inputs[0].IsSymbolic
        ? [.. inputs[1].Extents, inputs[0][1]]
        : throw new ShapeException($"expected a table of shape [rows, units], got {inputs[0]}");

    internal override Node? Gradient(Node node, int input, Node dy) =>
        input == 0 ? node.Graph.Add(new GatherGradient(node.Inputs[0].Shape[0]), dy, node.Inputs[1]) : null;

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand w, Operand indices, Operand y) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Output);
        int units = w.Shape[1];
        return RangeKernel.OfRows("gather", indices.Length, units, 2, (first, count) =>
        {
            for (int p = first; p < first + (int)count; p++)
            {
                (long bytes, int index) = (sizeof(float) * (long)units, ((int*)indices.Data)[p]);
                float* row = y.Data + ((long)p * units);
                if (index < 0)
                {
                    new Span<float>(row, units).Clear();
                }
                else
                {
                    Buffer.MemoryCopy(w.Data + ((long)index * units), row, bytes, bytes);
                }
            }
        });
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        int units = arguments.Shapes[0][1];
        for (int p = 0; p < arguments.Inputs[1].Length; p++)
        {
            if (arguments.Inputs[1][p] >= 0)
            {
                Array.Copy(arguments.Inputs[0], (int)arguments.Inputs[1][p] * units, arguments.Output, p * units, units);
            }
        }
    }
}

/// <summary>
/// The transpose of <see cref="Gather"/>: dw[r] = Σ dy[p] over the positions p with i_p = r, in ascending order, 0 where there is none.
/// Inputs: dy [.., Units], i [..]; the result is [Rows, Units].
/// </summary>
internal sealed record GatherGradient(int Rows) : Op
{
    internal override int Arity => 2;

    internal override ElementType InputType(int input) => input == 1 ? ElementType.Int32 : ElementType.Float32;

    internal override int IndexLimit(int input, ReadOnlySpan<Shape> inputs) => Rows;

    internal override bool TakesNoClass(int input) => true;

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0].Rank > 0 && inputs[0].Without(-1).Equals(inputs[1])
        ? [Rows, inputs[0][-1]]
        : throw new ShapeException($"expected a gradient of shape {inputs[1]} with the units behind it, got {inputs[0]}");

    internal override Node? Gradient(Node node, int input, Node dy) =>
        input == 0 ? node.Graph.Add(new Gather(), dy, node.Inputs[1]) : null;

    internal override unsafe Kernel CreateKernel(KernelArguments arguments)
    {
        (Operand dy, Operand indices, Operand dw) = (arguments.Inputs[0], arguments.Inputs[1], arguments.Output);
        (int rows, int units) = (Rows, dw.Shape[1]);
        return RangeKernel.OfColumns("nb_add_f32 by rows", indices.Length, units, 3, (begin, count) =>
        {
            for (int r = 0; r < rows; r++)
            {
                new Span<float>(dw.Data + ((long)r * units) + begin, (int)count).Clear();
            }

            for (int p = 0; p < indices.Length; p++)
            {
                if (((int*)indices.Data)[p] is var index and >= 0)
                {
                    float* row = dw.Data + ((long)index * units) + begin;
                    Kernels.nb_add_f32(row, 1, dy.Data + ((long)p * units) + begin, 1, count, row);
                }
            }
        });
    }

    internal override void Evaluate(ReferenceArguments arguments)
    {
        int units = arguments.OutputShape[1];
        for (int i = 0; i < arguments.Inputs[0].Length; i++)
        {
            if (arguments.Inputs[1][i / units] >= 0)
            {
                arguments.Output[((int)arguments.Inputs[1][i / units] * units) + (i % units)] += arguments.Inputs[0][i];
            }
        }
    }
}
