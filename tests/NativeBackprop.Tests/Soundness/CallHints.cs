
namespace NativeBackprop.Tests.Soundness;

/// <summary>What the arguments of a call chosen so far say about the ones to come.</summary>
/// <param name="batch">How many rows the call is about.</param>
internal sealed class CallHints(int batch)
{
    public int Batch => batch;

    /// <summary>How many numbers the object that was chosen last holds, if it has a shape.</summary>
    public int? Length { get; private set; }

    /// <summary>The graph that nodes should be of, if one was chosen.</summary>
    public Graph? Graph { get; private set; }

    public void Note(object? argument)
    {
        Shape? shape = argument switch
        {
            Node node => node.Shape,
            Parameter parameter => parameter.Shape,
            Tensor tensor => tensor.Shape,
            Shape given => given,
            _ => null,
        };
        Graph = argument switch { Graph graph => graph, Node node => node.Graph, _ => Graph };
        if (shape is null)
        {
            // What says how large it is wants as many numbers.
            object? size = argument?.GetType().GetProperty("Size")?.GetValue(argument) ?? (argument as PinnedBuffer)?.Length;
            Length = size switch { long count => (int)Math.Min(int.MaxValue, count), int count => count, _ => Length };
        }
        else
        {
            try
            {
                Length = shape.Resolve(batch).Length;
            }
            catch (NativeBackpropException)
            {
                Length = null;
            }
        }
    }
}
