using System.Runtime.CompilerServices;

namespace NativeBackprop;

/// <summary>
/// Makes the exceptions of .NET's own types by which we refuse a wrong order, a second thread or what cannot be done, and knows them again.
/// A user's code may call our members, and may throw the same types: what it throws itself is wrapped in one of ours, what we refuse it
/// passes through it as it is.
/// </summary>
/// <remarks>
/// Neither the type nor the stack trace tells the two apart: methods are inlined, and stack traces trimmed. So every such exception is made
/// here, which a test holds. Argument exceptions are not: what a user's code hands to a member that refuses it is that code's failure, and
/// says nothing to whoever has called us with other arguments.
/// </remarks>
internal static class Refusal
{
    private static readonly ConditionalWeakTable<Exception, object?> _made = [];

    /// <summary>Something is asked for in the wrong order, or while somebody else is at it.</summary>
    public static InvalidOperationException InvalidOperation(string message) => Remember(new InvalidOperationException(message));

    /// <summary>Something is used that has been disposed of.</summary>
    public static ObjectDisposedException Disposed(string name) => Remember(new ObjectDisposedException(name));

    /// <summary>Something that a class does not do.</summary>
    public static NotSupportedException NotSupported(string message) => Remember(new NotSupportedException(message));

    /// <summary>True for an exception that was made here.</summary>
    public static bool HasMade(Exception error) => _made.TryGetValue(error, out _);

    private static T Remember<T>(T error)
        where T : Exception
    {
        _made.Add(error, null);
        return error;
    }
}
