namespace NativeBackprop.Layers;

/// <summary>
/// What <see cref="Layer.Clone"/> has copied so far, so that what is shared among the originals is shared among the copies. A layer asks it
/// for copies of the layers that it is made of.
/// </summary>
/// <remarks>Thread safety: for one thread at a time.</remarks>
public sealed class CloneContext
{
    private readonly Dictionary<Layer, Layer> _layers = [];
    private readonly HashSet<Layer> _inProgress = [];
    private readonly Dictionary<Parameter, Parameter> _parameters = [];

    internal CloneContext()
    {
    }

    /// <summary>The copy of a layer, made if there is none yet, with values.</summary>
    /// <exception cref="NotSupportedException">The layer's class does not say how to copy it, or says it wrongly.</exception>
    public T Copy<T>(T layer)
        where T : Layer
    {
        ArgumentNullException.ThrowIfNull(layer);
        if (!_layers.TryGetValue(layer, out Layer? copy))
        {
            if (!_inProgress.Add(layer))
            {
                throw Refusal.NotSupported(
                    $"{layer.GetType().Name}: the copy of a layer cannot be made of the copy of that layer itself, only of its parts");
            }

            copy = layer.CopyWith(this);
            _layers.Add(layer, copy);
        }

        return (T)copy;
    }

    /// <summary>The copy of a parameter that another layer has made, for a layer that was given it.</summary>
    /// <exception cref="NotSupportedException">The layer that has made the parameter is not copied yet.</exception>
    public Parameter Copy(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        return _parameters.TryGetValue(parameter, out Parameter? copy) ? copy : throw Refusal.NotSupported(
            $"parameter {parameter} has no copy yet: copy the layer that has made it before the one that shares it");
    }

    /// <summary>Pairs a parameter with its copy, which gets its values; false when it has another copy already.</summary>
    internal bool Pair(Parameter original, Parameter copy)
    {
        if (_parameters.TryAdd(original, copy))
        {
            copy.CopyFrom(original);
        }

        return _parameters[original] == copy;
    }
}
