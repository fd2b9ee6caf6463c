namespace NativeBackprop;

/// <summary>
/// A tensor that outlives plans: a weight, a bias, a running mean, an optimizer's state. It is an identity with pinned memory of
/// its own, which plans read and update in place; what it is called in a model is the affair of whoever walks the model's layers.
/// </summary>
/// <remarks>
/// Thread safety: any threads may use it at once, and any plans, as long as nobody writes. Setting, initialising, loading and training want
/// the parameter to themselves.
/// </remarks>
public sealed unsafe class Parameter
{
    private readonly PinnedBuffer _memory;

    /// <summary>Allocates a parameter, whose values are still to be drawn, set or loaded.</summary>
    /// <param name="name">What its layer calls it: <c>weight</c>. Not empty.</param>
    /// <param name="shape">Extents, without the batch.</param>
    /// <exception cref="ShapeException">The shape depends on the batch size.</exception>
    /// <exception cref="OptionException">The name is empty, or the shape too large for one block of memory.</exception>
    public Parameter(string name, Shape shape)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(shape);
        Name = name.Length > 0 ? name : throw new OptionException("a parameter's name must not be empty");
        Shape = shape.IsSymbolic ? throw new ShapeException($"parameter {name}: the shape {shape} depends on the batch size") : shape;
        FileOrder = shape.Rank == 2 ? [1, 0] : [.. Enumerable.Range(0, shape.Rank)];
        _memory = new PinnedBuffer(shape.Length);
    }

    /// <summary>What its layer calls it, for messages: <c>weight</c>. Several parameters may have the same name.</summary>
    public string Name { get; }

    /// <summary>Extents; never symbolic.</summary>
    public Shape Shape { get; }

    /// <summary>True once the values have been drawn, set or loaded.</summary>
    public bool IsInitialized { get; private set; }

    /// <summary>True when training leaves the values as they are; a trainer looks before each step.</summary>
    public bool IsFrozen { get; private set; }

    /// <summary>The current values in row-major order, in place: they change when the parameter is set or trained.</summary>
    /// <exception cref="InvalidOperationException">They were never drawn, set or loaded.</exception>
    public ReadOnlySpan<float> Value => Initialized.Span;

    /// <summary>The memory as it is, drawn or not.</summary>
    internal Span<float> Span => _memory.Span;

    /// <summary>The memory as a view, for plans: one over values never drawn would compute with zeros in silence.</summary>
    /// <exception cref="InvalidOperationException">The values were never drawn, set or loaded.</exception>
    internal Tensor Tensor => new(Initialized, Shape);

    /// <summary>Draws the first values, or null when there is no rule for them. May be a user's code.</summary>
    internal Action<Span<float>, RandomSource>? Draw { get; set; }

    /// <summary>Another one whenever the values were drawn, set, loaded, restored or trained.</summary>
    internal int Version { get; private set; }

    /// <summary>
    /// Which of the dimensions here each dimension in a file is, for PyTorch's layout: a linear layer's weight [In, Out] is [out, in]
    /// there.
    /// </summary>
    internal int[] FileOrder { get; set; }

    /// <summary>True for whole numbers, which files hold as 64-bit integers.</summary>
    internal bool IsCount { get; init; }

    /// <summary>True for what a layer keeps besides its parameters.</summary>
    internal bool IsBuffer { get; init; }

    /// <summary>A parameter that starts at zero: an optimizer's state, a counter.</summary>
    internal static Parameter Zeros(string name, Shape shape) => new(name, shape) { IsInitialized = true };

    /// <summary>Whole numbers that start at zero.</summary>
    internal static Parameter Counts(string name, Shape shape) => new(name, shape) { IsInitialized = true, IsCount = true };

    /// <summary>Sets all values.</summary>
    /// <param name="values">As many finite numbers as the shape has elements, in row-major order.</param>
    /// <exception cref="ShapeException">The number of values is not the shape's.</exception>
    /// <exception cref="DataException">A value is NaN or infinite, or, in a buffer of counts, no whole number of 0 to 2^24.</exception>
    public void Set(ReadOnlySpan<float> values)
    {
        if (values.Length != Shape.Length)
        {
            throw new ShapeException($"parameter {Name} of shape {Shape} needs {Shape.Length} values, got {values.Length}");
        }

        if (FiniteCheck.IndexOfNonFinite(values) is var at && at >= 0)
        {
            throw new DataException($"parameter {Name}: value {at} is {values[at]}, expected a finite number");
        }

        if (IsCount && IndexOfNoCount(values) is var wrong && wrong >= 0)
        {
            throw new DataException($"parameter {Name}: value {wrong} is {values[wrong]}, expected a count of at most {1 << 24}");
        }

        values.CopyTo(_memory.Span);
        MarkWritten();
    }

    /// <summary>
    /// Makes trainers leave the values as they are: no gradient, no update, no optimizer's state, from their next step on.
    /// </summary>
    public void Freeze() => IsFrozen = true;

    /// <summary>Takes <see cref="Freeze"/> back.</summary>
    public void Thaw() => IsFrozen = false;

    private PinnedBuffer Initialized => IsInitialized ? _memory : throw Refusal.InvalidOperation(
        $"parameter {Name} has no values yet: call Initialize(seed) on its layer, load weights, make a trainer, or Set them");

    /// <summary>True for a whole number that float32 tells from its neighbours.</summary>
    internal static bool IsCountable(double value) => value is >= 0 and <= 1 << 24 && value == Math.Floor(value);

    /// <summary>Where the first value stands that cannot be a count, or −1.</summary>
    internal static int IndexOfNoCount(ReadOnlySpan<float> values)
    {
        int i = 0;
        while (i < values.Length && IsCountable(values[i]))
        {
            i++;
        }

        return i < values.Length ? i : -1;
    }

    /// <summary>Takes over whatever values another parameter of the same shape has, and whether it is frozen.</summary>
    internal void CopyFrom(Parameter other)
    {
        other.Span.CopyTo(Span);
        (IsInitialized, IsFrozen) = (other.IsInitialized, other.IsFrozen);
        Version++;
    }

    /// <summary>Says that the values have been written: they are there now, and are others than before.</summary>
    internal void MarkWritten()
    {
        IsInitialized = true;
        Version++;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} {Shape}";
}
