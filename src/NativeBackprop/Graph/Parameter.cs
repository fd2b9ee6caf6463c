namespace NativeBackprop;

/// <summary>
/// A named tensor that outlives plans: a weight, a bias, an optimizer's state. Plans read and update its memory in place.
/// </summary>
public sealed class Parameter
{
    private Tensor? _value;
    private Tensor? _gradient;

    /// <summary>Describes a parameter; a <see cref="ParameterSet"/> gives it memory.</summary>
    /// <exception cref="ShapeException">The shape depends on the batch size.</exception>
    public Parameter(string name, Shape shape)
    {
        Name = name;
        Shape = shape.IsSymbolic ? throw new ShapeException($"parameter {name}: the shape {shape} depends on the batch size") : shape;
    }

    /// <summary>The name, unique in its set: <c>0.weight</c>.</summary>
    public string Name { get; internal set; }

    /// <summary>Extents; never symbolic.</summary>
    public Shape Shape { get; }

    /// <summary>The current value, in place.</summary>
    public Span<float> Value => Tensor.Span;

    /// <summary>The gradient of the last backward pass.</summary>
    /// <exception cref="GraphException">No backward pass has been run.</exception>
    public ReadOnlySpan<float> Gradient =>
        (_gradient ?? throw new GraphException($"parameter {Name} has no gradient yet: run a backward pass first")).Span;

    /// <summary>The current value as a view.</summary>
    /// <exception cref="GraphException">The parameter belongs to no <see cref="ParameterSet"/> yet.</exception>
    public Tensor Tensor => _value ?? throw new GraphException($"parameter {Name} has no memory yet: put it into a ParameterSet");

    internal bool HasMemory => _value is not null;

    internal void Place(Tensor value) => _value = value;

    internal void SetGradient(Tensor gradient) => _gradient = gradient;

    /// <inheritdoc/>
    public override string ToString() => $"{Name} {Shape}";
}
