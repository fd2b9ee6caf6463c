namespace NativeBackprop;

/// <summary>
/// A row-major float32 view, for reading, of memory that a plan, a parameter set or a <see cref="PinnedBuffer"/> owns. The view
/// keeps its memory alive, also when the plan has been disposed of; its contents change when the owner writes.
/// </summary>
/// <remarks>
/// Thread safety: as that of the owner. A tensor of a plan belongs to the thread that the plan belongs to.
/// </remarks>
public readonly unsafe struct Tensor
{
    private static readonly Shape _empty = [0];

    private readonly PinnedBuffer _owner;
    private readonly Shape? _shape;

    internal Tensor(PinnedBuffer owner, float* pointer, Shape shape)
    {
        _owner = owner;
        Pointer = pointer;
        _shape = shape;
    }

    /// <summary>A view of a whole buffer.</summary>
    /// <exception cref="ShapeException">The shape's element count is not the buffer's length.</exception>
    public Tensor(PinnedBuffer buffer, Shape shape)
        : this(buffer ?? throw new ArgumentNullException(nameof(buffer)), buffer.Pointer, shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        if (shape.Length != buffer.Length)
        {
            throw new ShapeException($"a tensor of shape {shape} needs {shape.Length} elements, the buffer has {buffer.Length}");
        }
    }

    /// <summary>Extents, outermost first; <c>[0]</c> for a tensor that is a view of nothing.</summary>
    public Shape Shape => _shape ?? _empty;

    /// <summary>
    /// The elements in row-major order, for reading: what a plan computes with has been checked when it was bound or set.
    /// </summary>
    public ReadOnlySpan<float> Span => _owner is null ? default : _owner.SpanAt(Pointer, Shape.Length);

    /// <summary>The only element of a scalar tensor.</summary>
    /// <exception cref="ShapeException">The tensor has more than one element.</exception>
    public float Item => Shape.Length == 1 ? Span[0] : throw new ShapeException($"a tensor of shape {Shape} is not a single number");

    internal float* Pointer { get; }

    internal PinnedBuffer Owner => _owner;

    /// <summary>A copy of the elements.</summary>
    public float[] ToArray() => Span.ToArray();
}
