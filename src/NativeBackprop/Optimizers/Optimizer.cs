using NativeBackprop.Ops;

namespace NativeBackprop.Optimizers;

/// <summary>
/// How gradients change parameters. An optimizer adds update nodes to the graph, so that a whole training step is one plan. Its state
/// belongs to the parameters it was first used with.
/// </summary>
public abstract class Optimizer
{
    private readonly Dictionary<string, Parameter> _known = [];
    private float _learningRate;

    /// <param name="learningRate">η, above 0.</param>
    /// <exception cref="OptionException">The learning rate is not a finite number above 0.</exception>
    protected Optimizer(float learningRate) => LearningRate = learningRate;

    /// <summary>η; may be changed between steps.</summary>
    /// <exception cref="OptionException">The value is not a finite number above 0.</exception>
    public float LearningRate
    {
        get => _learningRate;
        set => _learningRate = value > 0 && float.IsFinite(value)
            ? value
            : throw new OptionException($"the learning rate must be a finite number above 0, got {value}");
    }

    /// <summary>The state, one tensor for each parameter and kind, named <c>0.weight.velocity</c>, and what they share, such as Adam's <c>step</c>.</summary>
    public IEnumerable<Parameter> State => _known.Values;

    /// <summary>Adds the nodes that update the parameters in place, and returns them.</summary>
    /// <param name="parameters">The parameters, each with its gradient's node.</param>
    /// <param name="rate">The learning rate's node, a scalar.</param>
    public IReadOnlyList<Node> AddUpdates(IReadOnlyList<(Parameter Parameter, Node Gradient)> parameters, Node rate)
    {
        var updates = new List<Node>();
        foreach ((Parameter parameter, Node gradient) in parameters)
        {
            updates.Add(AddUpdate(gradient.Graph, parameter, gradient, rate));
        }

        return updates;
    }

    /// <summary>Adds the update of one parameter.</summary>
    protected abstract Node AddUpdate(Graph graph, Parameter parameter, Node gradient, Node rate);

    /// <summary>The leaf of a parameter's state, zero at first, of the parameter's shape.</summary>
    /// <exception cref="ShapeException">The state was made for a parameter of another shape.</exception>
    protected Node StateOf(Graph graph, Parameter parameter, string kind) => StateOf(graph, $"{graph.Variable(parameter)}.{kind}", parameter.Shape);

    /// <summary>The leaf of a state tensor that all parameters share, zero at first.</summary>
    /// <exception cref="ShapeException">The state was made with another shape.</exception>
    protected Node StateOf(Graph graph, string name, Shape shape)
    {
        if (!_known.TryGetValue(name, out Parameter? state))
        {
            _known.Add(name, state = Parameter.Zeros(name, shape));
        }

        return state.Shape.Equals(shape)
            ? graph.Variable(state)
            : throw new ShapeException($"the optimizer's state {name} has the shape {state.Shape}, the parameter needs {shape}");
    }

    /// <summary>Checks an option.</summary>
    private protected static float Require(string name, float value, float low, float high) => value >= low && value < high
        ? value
        : throw new OptionException($"{name} must lie in [{low}, {high}), got {value}");
}
