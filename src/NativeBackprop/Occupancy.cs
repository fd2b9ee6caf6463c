namespace NativeBackprop;

/// <summary>
/// Keeps an object to one caller at a time without a lock: a second caller is refused, and whoever disposes of the object waits until the
/// one inside has left. Callers on a thread form a chain, so that an object is never waited for from inside its own use.
/// </summary>
/// <param name="name">What is kept, as messages say it: "plan".</param>
internal sealed class Occupancy(string name)
{
    [ThreadStatic]
    private static Occupancy? _innermost;

    private Occupancy? _outer;
    private int _taken, _disposed;

    /// <summary>
    /// The innermost use that the current thread is inside of. A thread that works for another one takes that one's over while it does.
    /// </summary>
    public static Occupancy? Innermost
    {
        get => _innermost;
        set => _innermost = value;
    }

    /// <summary>True when the current thread, or one that it works for, is inside.</summary>
    public bool IsInside
    {
        get
        {
            Occupancy? inside = _innermost;
            while (inside is not null && inside != this)
            {
                inside = inside._outer;
            }

            return inside is not null;
        }
    }

    /// <summary>Goes in; disposing of the result leaves again.</summary>
    /// <exception cref="InvalidOperationException">Somebody is inside.</exception>
    /// <exception cref="ObjectDisposedException">The object has been disposed of.</exception>
    public Guard Enter()
    {
        if (Interlocked.Exchange(ref _taken, 1) != 0)
        {
            throw Refused();
        }

        if (Volatile.Read(ref _disposed) != 0)
        {
            Volatile.Write(ref _taken, 0);
            throw Refused();
        }

        (_outer, _innermost) = (_innermost, this);
        return new Guard(this);
    }

    /// <summary>A look without going in, for what takes no time.</summary>
    /// <exception cref="InvalidOperationException">Somebody is inside.</exception>
    /// <exception cref="ObjectDisposedException">The object has been disposed of.</exception>
    public void ThrowIfTaken()
    {
        if (Volatile.Read(ref _taken) != 0 || Volatile.Read(ref _disposed) != 0)
        {
            throw Refused();
        }
    }

    /// <summary>For what may be asked at any time until the object is disposed of.</summary>
    /// <exception cref="ObjectDisposedException">The object has been disposed of.</exception>
    public void ThrowIfDisposed()
    {
        if (Volatile.Read(ref _disposed) != 0)
        {
            throw Refused();
        }
    }

    /// <summary>
    /// Refuses every caller from now on, waits until the one inside has left, and returns true; false when that has been done before.
    /// </summary>
    /// <exception cref="InvalidOperationException">The caller is inside: it would wait for itself.</exception>
    public bool Dispose()
    {
        if (IsInside)
        {
            throw Refusal.InvalidOperation($"the {name} cannot be disposed of from inside its own run: dispose of it after the run");
        }

        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return false;
        }

        var wait = default(SpinWait);
        while (Interlocked.Exchange(ref _taken, 1) != 0)
        {
            wait.SpinOnce();
        }

        return true;
    }

    private void Leave()
    {
        (_innermost, _outer) = (_outer, null);
        Volatile.Write(ref _taken, 0);
    }

    private InvalidOperationException Refused() => Volatile.Read(ref _disposed) != 0
        ? Refusal.Disposed(name)
        : Refusal.InvalidOperation(
            $"the {name} is in use: a {name} belongs to one thread at a time, and cannot be used from inside its own run");

    /// <summary>Stands for being inside.</summary>
    public readonly ref struct Guard(Occupancy occupancy)
    {
        public void Dispose() => occupancy.Leave();
    }
}
