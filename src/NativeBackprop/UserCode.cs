namespace NativeBackprop;

/// <summary>Calls what a user has handed in. What it throws comes out as the inner exception of one of ours.</summary>
internal static class UserCode
{
    /// <exception cref="GraphException">The call failed.</exception>
    public static TResult Call<TArgument, TResult>(string what, Func<TArgument, TResult> function, TArgument argument)
    {
        try
        {
            return function(argument);
        }
        catch (Exception error) when (IsForeign(error))
        {
            throw Failed(what, error);
        }
    }

    /// <exception cref="GraphException">The call failed.</exception>
    public static void Report<T>(string what, IProgress<T> progress, T value)
    {
        try
        {
            progress.Report(value);
        }
        catch (Exception error) when (IsForeign(error))
        {
            throw Failed(what, error);
        }
    }

    /// <summary>
    /// True for what is to be wrapped: ours say what is wrong already, and neither a cancellation nor a lack of memory is a user's failure.
    /// </summary>
    public static bool IsForeign(Exception error) =>
        error is not (NativeBackpropException or OperationCanceledException or OutOfMemoryException) && !Refusal.HasMade(error);

    /// <summary>What a foreign exception becomes.</summary>
    public static GraphException Failed(string what, Exception error) =>
        new($"{what} failed: {error.GetType().Name}: {error.Message}", error);
}
