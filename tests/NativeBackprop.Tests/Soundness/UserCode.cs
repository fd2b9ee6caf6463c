namespace NativeBackprop.Tests.Soundness;

/// <summary>What a user's own code throws: it may only arrive as the inner exception of one of ours.</summary>
internal sealed class UserException() : Exception("the user's own code failed");

/// <summary>
/// What user-written code (an op, a layer, a callback) does when the library calls it: mostly what it should, sometimes it throws, and
/// sometimes it calls the library from within the library.
/// </summary>
internal static class UserCode
{
    [ThreadStatic]
    private static Actor? _actor;

    /// <summary>The actor that is calling the library on this thread, if any.</summary>
    public static Actor? Actor
    {
        get => _actor;
        set => _actor = value;
    }

    /// <summary>Called at every place where the library calls a user.</summary>
    public static void Act() => _actor?.ActAsUser();

    /// <summary>Makes a delegate of any type; it acts, and returns a value of the right type.</summary>
    public static Delegate? MakeDelegate(Type type)
    {
        System.Reflection.MethodInfo invoke = type.GetMethod("Invoke")!;
        if (invoke.GetParameters().Any(parameter => parameter.ParameterType.IsByRefLike || parameter.ParameterType.IsByRef))
        {
            return null;
        }

        System.Linq.Expressions.ParameterExpression[] parameters =
            [.. invoke.GetParameters().Select(parameter => System.Linq.Expressions.Expression.Parameter(parameter.ParameterType))];
        System.Linq.Expressions.Expression value = invoke.ReturnType == typeof(void)
            ? System.Linq.Expressions.Expression.Call(typeof(UserCode), nameof(Act), null)
            : System.Linq.Expressions.Expression.Convert(
                System.Linq.Expressions.Expression.Call(
                    typeof(UserCode), nameof(Answer), null, System.Linq.Expressions.Expression.Constant(invoke.ReturnType)),
                invoke.ReturnType);
        return System.Linq.Expressions.Expression.Lambda(type, value, parameters).Compile();
    }

    // Called by the delegates that MakeDelegate makes.
    private static object? Answer(Type type)
    {
        Act();
        return _actor is { } actor && actor.Arguments.TryMake(new CallInput("answer", type, false), new CallHints(1), 3, out object? value)
            ? value
            : type.IsValueType ? Activator.CreateInstance(type) : null;
    }
}

/// <summary>A user's progress display.</summary>
internal sealed class UserProgress<T> : IProgress<T>
{
    public void Report(T value) => UserCode.Act();
}
