namespace NativeBackprop;

/// <summary>
/// What a kernel knows of one of its inputs or outputs: the shape, and where the pointer to it stands. The pointer is read at every run:
/// kernels are made before the plan's memory is laid out, and inputs are bound again between runs.
/// </summary>
internal readonly unsafe struct Operand
{
    private readonly float** _slot;

    internal Operand(float** slot, Shape shape)
    {
        _slot = slot;
        Shape = shape;
        Length = shape.Length;
    }

    /// <summary>Extents, with the batch size filled in.</summary>
    public Shape Shape { get; }

    /// <summary>Number of elements.</summary>
    public int Length { get; }

    /// <summary>The elements, as bound now.</summary>
    public Span<float> Span => new(Data, Length);

    internal float* Data => *_slot;

    /// <summary>True during a run when both stand at the same place in memory.</summary>
    internal bool Aliases(Operand other) => Data == other.Data;
}

/// <summary>The operands that a kernel is made for.</summary>
internal readonly ref struct KernelArguments(ReadOnlySpan<Operand> inputs, ReadOnlySpan<Operand> outputs, ProductLibrary products)
{
    /// <summary>Which library computes the kernel's matrix products, if it has any.</summary>
    public ProductLibrary Products { get; } = products;

    /// <summary>The inputs, in the operation's order.</summary>
    public ReadOnlySpan<Operand> Inputs { get; } = inputs;

    /// <summary>The outputs; one for every graph op, possibly more for a fused operation.</summary>
    public ReadOnlySpan<Operand> Outputs { get; } = outputs;

    /// <summary>The first output.</summary>
    public Operand Output => Outputs[0];
}

/// <summary>Double-precision values for <see cref="Op.Evaluate"/>, row-major.</summary>
internal readonly ref struct ReferenceArguments(
    ReadOnlySpan<double[]> inputs, ReadOnlySpan<Shape> shapes, double[] output, Shape outputShape)
{
    /// <summary>The inputs' values. Only an op that updates an input in place may write to one.</summary>
    public ReadOnlySpan<double[]> Inputs { get; } = inputs;

    /// <summary>The inputs' shapes.</summary>
    public ReadOnlySpan<Shape> Shapes { get; } = shapes;

    /// <summary>Where the result goes, zero on entry.</summary>
    public double[] Output { get; } = output;

    /// <summary>The result's shape.</summary>
    public Shape OutputShape { get; } = outputShape;
}
