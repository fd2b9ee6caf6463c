namespace NativeBackprop;

/// <summary>The base of every error this library raises on purpose. Its message is complete in one line.</summary>
/// <remarks>Thread safety: any threads may use it at once, once it has been thrown.</remarks>
public abstract class NativeBackpropException : Exception
{
    private protected NativeBackpropException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}

/// <summary>A native library is missing, of another version, or was asked for something the CPU lacks.</summary>
/// <remarks>Thread safety: any threads may use it at once, once it has been thrown.</remarks>
public sealed class NativeLibraryException(string message, Exception? inner = null)
    : NativeBackpropException(message, inner);

/// <summary>A shape does not fit where it is used; the message names the node, the expected and the actual shape.</summary>
/// <remarks>Thread safety: any threads may use it at once, once it has been thrown.</remarks>
public sealed class ShapeException(string message, Exception? inner = null)
    : NativeBackpropException(message, inner);

/// <summary>A graph, a plan or a derivative was asked for something it cannot mean; the message names the node.</summary>
/// <remarks>Thread safety: any threads may use it at once, once it has been thrown.</remarks>
public sealed class GraphException(string message, Exception? inner = null)
    : NativeBackpropException(message, inner);

/// <summary>Data handed in is unusable: not finite, out of range, empty, of the wrong size, or a malformed file.</summary>
/// <remarks>Thread safety: any threads may use it at once, once it has been thrown.</remarks>
public sealed class DataException(string message, Exception? inner = null)
    : NativeBackpropException(message, inner);

/// <summary>
/// A value that had to be finite, such as the cost of a training step, came out as NaN or infinite. Nothing has been updated.
/// </summary>
/// <remarks>Thread safety: any threads may use it at once, once it has been thrown.</remarks>
public sealed class NonFiniteException : NativeBackpropException
{
    private readonly string _detail;

    internal NonFiniteException(string node, string detail, long? step = null)
        : base($"{(step is null ? "" : $"step {step}: ")}{node} is not finite: {detail}") => (Node, _detail, Step) = (node, detail, step);

    /// <summary>
    /// The first node that was not finite, in the order of the computation; a parameter or an input where that is what was wrong.
    /// </summary>
    public string Node { get; }

    /// <summary>The training step, counted from 1; null outside of training.</summary>
    public long? Step { get; }

    /// <summary>The same, once it is known which step it was.</summary>
    internal NonFiniteException AtStep(long step) => new(Node, _detail, step);
}

/// <summary>An option is outside its domain; the message names the option, the allowed range and the actual value.</summary>
/// <remarks>Thread safety: any threads may use it at once, once it has been thrown.</remarks>
public sealed class OptionException(string message)
    : NativeBackpropException(message);
