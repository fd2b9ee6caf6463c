using NativeBackprop.Ops;

namespace NativeBackprop.Layers;

/// <summary>
/// The states of all recurrent layers of a network that goes on where it was: an input for each to begin with, and what each has come to.
/// </summary>
internal sealed class CarriedStates
{
    private readonly List<(Node Before, Node After)> _states = [];

    /// <summary>The states: the input that a run begins with, and what it ends with.</summary>
    public IReadOnlyList<(Node Before, Node After)> States => _states;

    /// <summary>The inputs that a layer begins with.</summary>
    /// <param name="context">Where the layer is built.</param>
    /// <param name="rows">Extent of the batch.</param>
    /// <param name="count">Layers times directions.</param>
    /// <param name="units">Width of the state.</param>
    /// <param name="hasCell">True when there is a cell's state too.</param>
    public static RecurrentState Begin(BuildContext context, int rows, int count, int units, bool hasCell)
    {
        Shape shape = [count, rows, units];
        return new RecurrentState(
            context.Graph.Input($"{context.At}hidden state", shape),
            hasCell ? context.Graph.Input($"{context.At}cell state", shape) : null);
    }

    /// <summary>Takes down what a layer has come to.</summary>
    public void Add(RecurrentState before, RecurrentState after)
    {
        _states.Add((before.Hidden, after.Hidden));
        if (before.Cell is { } cell)
        {
            _states.Add((cell, after.Cell!));
        }
    }
}
