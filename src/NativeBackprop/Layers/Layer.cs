using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// A piece of a network: a tree of layers with parameters and buffers of its own, and the graph that maps an input to an output. Any
/// elementwise function is a layer too: <c>new Sequential(new Linear(64, 32), new Relu(), new Linear(32, 10))</c>.
/// </summary>
/// <remarks>
/// <para>A layer of one's own adds what it is made of in its constructor and says in <see cref="BuildCore"/> how the parts are
/// connected. One layer may stand in several places and in several models: its parameters are the same everywhere, trained once
/// and counted once.</para>
/// <para>Thread safety: any threads may use it at once, once its constructor has run. The values are those of the parameters: see
/// <see cref="Parameter"/>.</para>
/// </remarks>
public abstract class Layer
{
    // Building goes down one call a level, and a name is kept for every path.
    private const int MaxDepth = 200, MaxPaths = 1 << 20;

    private readonly List<(string Name, Layer Layer)> _children = [];
    private readonly HashSet<string> _names = [];
    private readonly List<(string Name, Parameter Parameter)> _parameters = [], _buffers = [];
    private ParameterSet? _allParameters, _allBuffers;
    private int _depth = 1, _paths = 1;
    private volatile bool _isComplete;

    /// <summary>The parameters of this layer and of all below it, by the path from here: <c>0.weight</c>.</summary>
    public ParameterSet Parameters => _allParameters ??= Walk(layer => layer._parameters);

    /// <summary>
    /// What this layer and those below it keep besides parameters, such as running statistics: saved with them, changed by effects of a
    /// training step, not by the optimizer.
    /// </summary>
    public ParameterSet Buffers => _allBuffers ??= Walk(layer => layer._buffers);

    /// <summary>True once all parameters have been drawn, set or loaded.</summary>
    public bool IsInitialized => Parameters.All(parameter => parameter.IsInitialized);

    /// <summary>The width of input that the layer insists on, or null when it takes any or none is known.</summary>
    /// <exception cref="GraphException">A layer of one's own has failed; its exception is the inner one.</exception>
    public int? InputWidth => UserCode.Call("the model's input width", static layer => layer.InputWidthFor(null), this);

    /// <summary>
    /// What a row of input is: what a <see cref="Sequential"/> was told, or features of the width that the layer insists on; null when
    /// neither is known.
    /// </summary>
    /// <exception cref="OptionException">A layer of one's own insists on a width below 1.</exception>
    /// <exception cref="GraphException">A layer of one's own has failed; its exception is the inner one.</exception>
    public RowShape? InputRow => GivenRow ?? (InputWidth is { } width ? RowShape.Features(width) : null);

    /// <summary>Makes the elementwise function a layer.</summary>
    public static implicit operator Layer(Elementwise function) => new Activation(function);

    /// <summary>Makes the softmax a layer.</summary>
    public static implicit operator Layer(Softmax function)
    {
        ArgumentNullException.ThrowIfNull(function);
        return new SoftmaxLayer();
    }

    /// <summary>Adds the layer to the graph of its input. A layer may be built any number of times, in one graph or in several.</summary>
    /// <param name="input">Examples along the first axis, features along the last.</param>
    /// <param name="context">The graph, what it is built for, and the path of this use.</param>
    /// <exception cref="ShapeException">The input does not fit.</exception>
    /// <exception cref="GraphException">
    /// The input belongs to another graph than the context, or a layer of one's own has failed; its exception is the inner one.
    /// </exception>
    public Node Build(Node input, BuildContext context)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(context);
        if (input.Graph != context.Graph)
        {
            throw new GraphException($"{context.At}the input {input} belongs to another graph than the context");
        }

        Complete();
        Node output;
        try
        {
            output = BuildCore(input, context);
        }
        catch (Exception e) when (UserCode.IsForeign(e))
        {
            throw new GraphException($"{context.At}a layer of type {GetType().Name} has failed: {e.Message}", e);
        }

        return output?.Graph == context.Graph ? output : throw new GraphException(
            $"{context.At}a layer of type {GetType().Name} must give a node of the graph that it is built in, " +
            $"got {output?.ToString() ?? "none"}");
    }

    /// <summary>
    /// Draws values for every parameter that has none yet, by the rules of the layers, in the order of <see cref="Parameters"/>; the same
    /// seed gives the same values. What was drawn, set, loaded or trained before stays as it is.
    /// </summary>
    /// <exception cref="InvalidOperationException">A parameter has no rule, and was never set.</exception>
    /// <exception cref="DataException">A rule gave a value that is not finite.</exception>
    public void Initialize(ulong seed) => ParameterSet.Draw(Parameters.Entries, seed);

    /// <summary>Freezes all parameters: see <see cref="Parameter.Freeze"/>.</summary>
    public void Freeze()
    {
        foreach (Parameter parameter in Parameters)
        {
            parameter.Freeze();
        }
    }

    /// <summary>Thaws all parameters.</summary>
    public void Thaw()
    {
        foreach (Parameter parameter in Parameters)
        {
            parameter.Thaw();
        }
    }

    /// <summary>
    /// A layer of the same structure with memory of its own, with all values there are, and frozen where this one is. What is shared among
    /// the layers below is shared among their copies.
    /// </summary>
    /// <exception cref="NotSupportedException">
    /// A class does not say how to copy it, or says it wrongly: see <see cref="CopyStructure"/>.
    /// </exception>
    /// <exception cref="GraphException">A layer of one's own has failed to copy itself; its exception is the inner one.</exception>
    public Layer Clone() => new CloneContext().Copy(this);

    /// <summary>A copy of all values of parameters and buffers, for <see cref="Restore"/>.</summary>
    /// <exception cref="InvalidOperationException">A parameter has no values yet.</exception>
    public LayerSnapshot Snapshot() => new(Parameters, Buffers);

    /// <summary>Sets all values of parameters and buffers to those of a snapshot of this layer, or of one of the same structure.</summary>
    /// <exception cref="DataException">The snapshot is of another structure; nothing is changed.</exception>
    public void Restore(LayerSnapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        snapshot.CopyTo(Parameters, Buffers);
    }

    /// <summary>
    /// Makes what computes outputs for any number of threads at once, with a copy of the values that the layer has now.
    /// </summary>
    /// <param name="maxBatch">The most rows of a call, at least 1.</param>
    /// <param name="options">How it works.</param>
    /// <exception cref="OptionException">An option is outside its domain.</exception>
    /// <exception cref="GraphException">The input's width is not known: no layer fixes it.</exception>
    /// <exception cref="InvalidOperationException">A value was never drawn, set or loaded.</exception>
    public Predictor CreatePredictor(int maxBatch, PredictorOptions? options = null) =>
        new(this, maxBatch, options ?? new PredictorOptions());

    /// <summary>
    /// The width of input that gives an output of a width; null when it takes any or none is known, as by default. A layer that keeps the
    /// width gives back what it is given.
    /// </summary>
    public virtual int? InputWidthFor(int? outputWidth) => null;

    /// <summary>What the rows of input were said to be; null when nobody said.</summary>
    internal virtual RowShape? GivenRow => null;

    /// <summary>The copy of this layer for a clone, with its values.</summary>
    internal Layer CopyWith(CloneContext context)
    {
        Layer copy;
        try
        {
            copy = CopyStructure(context);
        }
        catch (Exception e) when (UserCode.IsForeign(e))
        {
            throw UserCode.Failed($"{GetType().Name}.{nameof(CopyStructure)}", e);
        }

        if (copy is null || copy == this || copy.GetType() != GetType())
        {
            throw NotCopied("must give a new layer of its type");
        }

        (string Name, Parameter Parameter)[] own = [.. _parameters, .. _buffers], others = [.. copy._parameters, .. copy._buffers];
        bool isSame = copy._children.Select(child => child.Name).SequenceEqual(_children.Select(child => child.Name))
            && own.Length == others.Length && own.Zip(others).All(pair =>
                pair.First.Name == pair.Second.Name && pair.First.Parameter.Shape.Equals(pair.Second.Parameter.Shape));
        if (!isSame)
        {
            throw NotCopied("must give a layer with the same children, parameters and buffers");
        }

        for (int i = 0; i < own.Length; i++)
        {
            if (!context.Pair(own[i].Parameter, others[i].Parameter))
            {
                throw NotCopied($"must share the parameter {own[i].Name} as the original does: give it context.Copy(parameter)");
            }
        }

        for (int i = 0; i < _children.Count; i++)
        {
            if (copy._children[i].Layer != context.Copy(_children[i].Layer))
            {
                throw NotCopied($"must give the child {_children[i].Name} as context.Copy(child)");
            }
        }

        return copy;
    }

    /// <summary>
    /// Connects the layer to its input: builds the layers it is made of with <see cref="Build"/> and <see cref="BuildContext.Child"/>, and
    /// reads its parameters with <see cref="BuildContext.Variable"/>.
    /// </summary>
    /// <param name="input">A node of the context's graph.</param>
    /// <param name="context">The path is that of this layer.</param>
    protected abstract Node BuildCore(Node input, BuildContext context);

    /// <summary>
    /// Makes a layer of the same structure, of copies that the context gives of the layers (and of the parameters that the layer was given
    /// and has not made); the values are copied by the caller.
    /// </summary>
    /// <exception cref="NotSupportedException">Always, unless the class says how to copy it.</exception>
    protected virtual Layer CopyStructure(CloneContext context) => throw NotCopied(
        "is needed for a clone: it makes a layer of the same structure, of context.Copy(child) for each child");

    /// <summary>Makes another layer a part of this one. For constructors.</summary>
    /// <param name="name">What it is called here; neither empty nor with a dot in it, and not taken.</param>
    /// <param name="child">The layer, which may be a part of others too.</param>
    /// <returns>The child.</returns>
    /// <exception cref="OptionException">The name cannot be used, or the tree becomes too deep or has too many paths.</exception>
    /// <exception cref="InvalidOperationException">This layer is in use already, by another one or by the child.</exception>
    protected T AddChild<T>(string name, T child)
        where T : Layer
    {
        ArgumentNullException.ThrowIfNull(child);
        if (child == this)
        {
            throw new OptionException($"a layer of type {GetType().Name} cannot be a part of itself");
        }

        // Whoever is a part of another is complete, and takes no part itself any more: so there are no cycles.
        RequireIncomplete();
        child.Complete();
        lock (_children)
        {
            RequireFree(name);
            int depth = Math.Max(_depth, child._depth + 1), paths = _paths + child._paths;
            if (depth > MaxDepth || paths > MaxPaths)
            {
                throw new OptionException(
                    $"{name}: layers may stand within each other at most {MaxDepth} deep and on {MaxPaths} paths, got {depth} and {paths}");
            }

            (_depth, _paths) = (depth, paths);
            _children.Add((name, child));
            _names.Add(name);
        }

        return child;
    }

    /// <summary>Makes a parameter of this layer. For constructors.</summary>
    /// <param name="name">What it is called here; neither empty nor with a dot in it, and not taken.</param>
    /// <param name="shape">Extents, without the batch.</param>
    /// <param name="initializer">How its first values are drawn; null leaves that to whoever sets or loads them.</param>
    /// <param name="fanIn">
    /// How many inputs an output depends on, for the initializer; the product of all extents but the last when null.
    /// </param>
    /// <param name="fanOut">How many outputs an input acts on; the last extent when null.</param>
    /// <exception cref="OptionException">The name cannot be used.</exception>
    /// <exception cref="ShapeException">The shape depends on the batch size.</exception>
    /// <exception cref="InvalidOperationException">This layer is in use already.</exception>
    protected Parameter AddParameter(string name, Shape shape, Initializer? initializer, int? fanIn = null, int? fanOut = null)
    {
        var parameter = new Parameter(name, shape);
        if (initializer is not null)
        {
            int last = Math.Max(1, shape.Rank == 0 ? 1 : shape[-1]);
            int outputs = fanOut ?? last, inputs = fanIn ?? Math.Max(1, shape.Rank > 1 ? shape.Length / last : last);
            parameter.Draw = (values, random) => initializer.Fill(values, inputs, outputs, random);
        }

        return Add(_parameters, name, parameter);
    }

    /// <summary>Makes a parameter of another layer one of this layer too. For constructors.</summary>
    /// <param name="name">What it is called here; neither empty nor with a dot in it, and not taken.</param>
    /// <param name="parameter">The parameter, which is trained, saved and counted once.</param>
    /// <returns>The parameter.</returns>
    /// <exception cref="OptionException">The name cannot be used, or the parameter is another layer's buffer.</exception>
    /// <exception cref="InvalidOperationException">This layer is in use already.</exception>
    protected Parameter AddParameter(string name, Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        return !parameter.IsBuffer ? Add(_parameters, name, parameter) : throw new OptionException(
            $"{name}: {parameter} is a buffer, which is saved and not trained: it cannot be a parameter too");
    }

    /// <summary>Makes a buffer of this layer: values that are saved with the parameters and not trained. For constructors.</summary>
    /// <param name="name">What it is called here; neither empty nor with a dot in it, and not taken.</param>
    /// <param name="shape">Extents, without the batch.</param>
    /// <param name="initial">The value of every element at first; finite.</param>
    /// <param name="isCount">True for whole numbers up to 2^24, which files hold as 64-bit integers.</param>
    /// <exception cref="OptionException">The name cannot be used, or the value is not finite.</exception>
    /// <exception cref="ShapeException">The shape depends on the batch size.</exception>
    /// <exception cref="InvalidOperationException">This layer is in use already.</exception>
    protected Parameter AddBuffer(string name, Shape shape, float initial = 0, bool isCount = false)
    {
        if (!float.IsFinite(initial) || (isCount && !Parameter.IsCountable(initial)))
        {
            string rule = isCount ? "a count of at most 2^24" : "a finite number";
            throw new OptionException($"{name}: a buffer must start at {rule}, got {initial}");
        }

        var buffer = new Parameter(name, shape) { IsCount = isCount, IsBuffer = true };
        buffer.Span.Fill(initial);
        buffer.MarkWritten();
        return Add(_buffers, name, buffer);
    }

    private ParameterSet Walk(Func<Layer, List<(string Name, Parameter Parameter)>> own)
    {
        var entries = new List<(string, Parameter)>();
        Visit(this, "");
        return new ParameterSet(entries);

        void Visit(Layer layer, string prefix)
        {
            layer.Complete();
            entries.AddRange(own(layer).Select(entry => (prefix + entry.Name, entry.Parameter)));
            foreach ((string name, Layer child) in layer._children)
            {
                Visit(child, $"{prefix}{name}.");
            }
        }
    }

    private Parameter Add(List<(string Name, Parameter Parameter)> to, string name, Parameter parameter)
    {
        lock (_children)
        {
            RequireFree(name);
            to.Add((name, parameter));
            _names.Add(name);
            return parameter;
        }
    }

    private void Complete()
    {
        if (!_isComplete)
        {
            lock (_children)
            {
                _isComplete = true;
            }
        }
    }

    private void RequireFree(string name)
    {
        RequireIncomplete();
        LayerName.Require(name);
        if (_names.Contains(name))
        {
            throw new OptionException($"a layer of type {GetType().Name} has a part named {name} already");
        }
    }

    private void RequireIncomplete()
    {
        if (_isComplete)
        {
            throw Refusal.InvalidOperation(
                $"a layer of type {GetType().Name} is in use already: children, parameters and buffers are added in the constructor");
        }
    }

    private NotSupportedException NotCopied(string rule) =>
        Refusal.NotSupported($"{GetType().Name}.{nameof(CopyStructure)} {rule}");
}
