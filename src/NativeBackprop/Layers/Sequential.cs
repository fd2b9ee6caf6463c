namespace NativeBackprop.Layers;

/// <summary>Layers one after the other, named by position as PyTorch names them: <c>0.weight</c>.</summary>
/// <remarks>Thread safety: as that of every <see cref="Layer"/>.</remarks>
public sealed class Sequential : Layer
{
    private readonly RowShape? _rows;
    private readonly Layer[] _layers;

    /// <summary>Puts the layers in order, for rows of a kind: what a convolution or a recurrence cannot know of itself.</summary>
    /// <param name="rows">What the first layer reads.</param>
    /// <param name="layers">The layers; elementwise functions may stand among them, and one layer several times.</param>
    public Sequential(RowShape rows, params ReadOnlySpan<Layer> layers)
        : this(layers)
    {
        ArgumentNullException.ThrowIfNull(rows);
        _rows = rows;
    }

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

    internal override RowShape? GivenRow => _rows ?? (_layers.Length > 0 ? _layers[0].GivenRow : null);

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
        if (_rows is not null && !_rows.Takes(input.Kind, input.Shape))
        {
            throw new ShapeException($"{context.At}the layers are for {_rows}, got {KindCheck.Describe(input)}");
        }

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
    protected override Layer CopyStructure(CloneContext context)
    {
        Layer[] layers = [.. _layers.Select(context.Copy)];
        return _rows is null ? new Sequential(layers) : new Sequential(_rows, layers);
    }
}
