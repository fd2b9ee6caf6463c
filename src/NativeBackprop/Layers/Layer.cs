using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>What a network is built for.</summary>
public enum BuildMode
{
    /// <summary>Training: dropout drops.</summary>
    Training,

    /// <summary>Evaluation and inference: dropout is the identity.</summary>
    Evaluation,
}

/// <summary>
/// A piece of a network: parameters, and the graph that maps an input to an output. Any elementwise function is a layer
/// too: <c>new Sequential(new Linear(64, 32), new Relu(), new Linear(32, 10))</c>.
/// </summary>
public abstract class Layer
{
    /// <summary>The parameters, named from within the layer: <c>weight</c>, <c>bias</c>.</summary>
    protected internal virtual IEnumerable<Parameter> OwnParameters => [];

    /// <summary>What the layer keeps besides parameters, such as the stream that dropout draws from; neither trained nor saved as a weight.</summary>
    protected internal virtual IEnumerable<Parameter> OwnState => [];

    /// <summary>The width of input that the layer insists on, or null when it takes any.</summary>
    protected internal virtual int? InputWidth => null;

    /// <summary>Makes the elementwise function a layer.</summary>
    public static implicit operator Layer(Elementwise function) => new Activation(function);

    /// <summary>Makes the softmax a layer.</summary>
    public static implicit operator Layer(Softmax function) => new SoftmaxLayer();

    /// <summary>Adds the layer to the graph of its input, of shape [B, features].</summary>
    /// <exception cref="ShapeException">The input does not fit.</exception>
    public abstract Node Build(Node input, BuildMode mode);

    /// <summary>Draws initial values for the parameters.</summary>
    protected internal virtual void Initialize(RandomSource random)
    {
    }

    /// <summary>Starts the layer's stream of random numbers anew, if it has one.</summary>
    protected internal virtual void Reseed(RandomSource random)
    {
    }

    /// <summary>The width of input that gives an output of a width, or null when neither the layer nor the output fixes it.</summary>
    protected internal virtual int? InputWidthFor(int? outputWidth) => InputWidth ?? outputWidth;

    /// <summary>Puts a prefix before the names of all that a layer keeps.</summary>
    private protected static void Prefix(string prefix, Layer layer)
    {
        foreach (Parameter parameter in layer.OwnParameters.Concat(layer.OwnState))
        {
            parameter.Name = $"{prefix}.{parameter.Name}";
        }
    }
}

/// <summary>An elementwise function as a layer.</summary>
public sealed class Activation(Elementwise function) : Layer
{
    /// <summary>The function applied to every element.</summary>
    public Elementwise Function => function;

    /// <inheritdoc/>
    public override Node Build(Node input, BuildMode mode) => input.Apply(function);
}
