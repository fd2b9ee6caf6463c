namespace NativeBackprop.Layers;

/// <summary>Layers one after the other, named by position as PyTorch names them: <c>0.weight</c>.</summary>
/// <remarks>Thread safety: as that of every <see cref="Layer"/>.</remarks>
public sealed class Sequential : Layer
{
    private readonly Layer[] _layers;

    /// <summary>Puts the layers in order; elementwise functions may stand among them, and one layer several times.</summary>
    public Sequential(params ReadOnlySpan<Layer> layers)
    {
        _layers = layers.ToArray();
        for (int i = 0; i < _layers.Length; i++)
        {
            AddChild($"{i}", _layers[i]);
        }
    }

    /// <summary>The layers in order.</summary>
    public IReadOnlyList<Layer> Layers => _layers.AsReadOnly();

    /// <inheritdoc/>
    public override int? InputWidthFor(int? outputWidth)
    {
        for (int i = _layers.Length - 1; i >= 0; i--)
        {
            outputWidth = _layers[i].InputWidthFor(outputWidth);
        }

        return outputWidth;
    }

    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context)
    {
        for (int i = 0; i < _layers.Length; i++)
        {
            input = _layers[i].Build(input, context.Child($"{i}"));
            if (context.Path.Length == 0 && i + 1 < _layers.Length)
            {
                context.AddSegmentEnd(input);
            }
        }

        return input;
    }

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new Sequential([.. _layers.Select(context.Copy)]);
}
