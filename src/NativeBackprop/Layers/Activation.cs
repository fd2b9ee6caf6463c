using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>An elementwise function as a layer; <c>new Relu()</c> among other layers makes one.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
internal sealed class Activation : Layer
{
    /// <param name="function">The function applied to every element.</param>
    public Activation(Elementwise function)
    {
        ArgumentNullException.ThrowIfNull(function);
        Function = function;
    }

    /// <summary>The function applied to every element.</summary>
    public Elementwise Function { get; }

    /// <inheritdoc/>
    public override int? InputWidthFor(int? outputWidth) => outputWidth;

    /// <inheritdoc/>
    protected override Node BuildCore(Node input, BuildContext context) => input.Apply(Function);

    /// <inheritdoc/>
    protected override Layer CopyStructure(CloneContext context) => new Activation(Function);
}
