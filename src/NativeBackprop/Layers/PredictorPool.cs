using System.Diagnostics;

namespace NativeBackprop.Layers;

/// <summary>The plans of one call at a time.</summary>
internal sealed class PredictorSlot(int plansKept)
{
    public PlanCache Plans { get; } = new(plansKept);

    /// <summary>Entered by the call that has taken the slot, so that it is known from inside.</summary>
    public Occupancy Use { get; } = new("predictor");
}

/// <summary>
/// As many slots as calls may compute at once. A caller that finds none free sleeps. Slots go to whoever comes first, which may be the
/// thread that has just returned one: it is awake, and its cache is warm. Only who has slept for long is served before it.
/// </summary>
internal sealed class PredictorPool : IDisposable
{
    private static readonly long _longWait = Stopwatch.Frequency / 1000;

    [ThreadStatic]
    private static Waiter? _own;

    private readonly object _owner;
    private readonly PredictorSlot[] _slots;
    private readonly Stack<PredictorSlot> _free = new();
    private readonly LinkedList<Waiter> _waiting = new();
    private ThreadTeam? _team;
    private bool _isDisposed;

    /// <param name="owner">Whose calls these are, as messages name it.</param>
    /// <param name="slots">How many calls compute at once.</param>
    /// <param name="plansKept">How many plans each slot keeps.</param>
    public PredictorPool(object owner, int slots, int plansKept)
    {
        _owner = owner;
        _slots = [.. Enumerable.Range(0, slots).Select(_ => new PredictorSlot(plansKept))];
        foreach (PredictorSlot slot in _slots)
        {
            _free.Push(slot);
        }
    }

    /// <summary>Starts the threads that compute one call together.</summary>
    public ThreadTeam StartTeam(int threads) => _team = new ThreadTeam(threads);

    /// <summary>Takes a slot, and sleeps until there is one if need be.</summary>
    /// <exception cref="InvalidOperationException">The thread has one already: it would wait for itself.</exception>
    /// <exception cref="ObjectDisposedException">The owner has been disposed of.</exception>
    public PredictorSlot Take()
    {
        Waiter? waiter = null;
        try
        {
            while (true)
            {
                lock (_slots)
                {
                    RefuseDisposed();
                    RefuseInside();
                    PredictorSlot? slot = waiter?.TakeHanded();
                    if (slot is not null || _free.TryPop(out slot))
                    {
                        return slot;
                    }

                    if (waiter is null)
                    {
                        waiter = _own ??= new Waiter();
                        waiter.Since = Stopwatch.GetTimestamp();
                        _waiting.AddLast(waiter.Place);
                    }
                }

                waiter.Sleep();
            }
        }
        finally
        {
            if (waiter is not null)
            {
                GoOn(waiter);
            }
        }
    }

    /// <summary>Gives a slot back.</summary>
    public void Return(PredictorSlot slot)
    {
        lock (_slots)
        {
            if (_waiting.First?.Value is { } first && Stopwatch.GetTimestamp() - first.Since > _longWait)
            {
                _waiting.Remove(first.Place);
                first.Hand(slot);
            }
            else
            {
                _free.Push(slot);
            }

            WakeFirst();
        }
    }

    /// <exception cref="ObjectDisposedException">The owner has been disposed of.</exception>
    public void ThrowIfDisposed()
    {
        lock (_slots)
        {
            RefuseDisposed();
        }
    }

    /// <summary>Refuses new callers, waits for those inside, and disposes of all plans.</summary>
    /// <exception cref="InvalidOperationException">The caller is inside.</exception>
    public void Dispose()
    {
        lock (_slots)
        {
            RefuseInside();
            bool isFirst = !_isDisposed;
            _isDisposed = true;
            foreach (Waiter waiter in _waiting)
            {
                waiter.Wake();
            }

            while (_free.Count < _slots.Length)
            {
                Monitor.Wait(_slots);
            }

            if (!isFirst)
            {
                return;
            }
        }

        foreach (PredictorSlot slot in _slots)
        {
            slot.Plans.Clear();
        }

        _team?.Dispose();
    }

    // A waiter that has what it wanted, or wants it no more, leaves the queue; who comes after it may find something too.
    private void GoOn(Waiter waiter)
    {
        lock (_slots)
        {
            if (waiter.Place.List is not null)
            {
                _waiting.Remove(waiter.Place);
            }

            if (waiter.TakeHanded() is { } unused)
            {
                _free.Push(unused);
            }

            WakeFirst();
        }
    }

    private void WakeFirst()
    {
        if (_free.Count > 0)
        {
            _waiting.First?.Value.Wake();
        }

        if (_isDisposed)
        {
            Monitor.PulseAll(_slots);
        }
    }

    private void RefuseDisposed()
    {
        if (_isDisposed)
        {
            throw Refusal.Disposed(_owner.GetType().Name);
        }
    }

    private void RefuseInside()
    {
        foreach (PredictorSlot slot in _slots)
        {
            if (slot.Use.IsInside)
            {
                throw Refusal.InvalidOperation($"the {_owner.GetType().Name} cannot be used from inside its own call");
            }
        }
    }

    /// <summary>A thread that sleeps until there may be a slot for it.</summary>
    private sealed class Waiter
    {
        private bool _isAwake;
        private PredictorSlot? _handed;

        public Waiter() => Place = new LinkedListNode<Waiter>(this);

        /// <summary>In the queue.</summary>
        public LinkedListNode<Waiter> Place { get; }

        public long Since { get; set; }

        public void Hand(PredictorSlot slot)
        {
            _handed = slot;
            Wake();
        }

        public PredictorSlot? TakeHanded()
        {
            PredictorSlot? slot = _handed;
            _handed = null;
            return slot;
        }

        public void Wake()
        {
            lock (Place)
            {
                _isAwake = true;
                Monitor.Pulse(Place);
            }
        }

        public void Sleep()
        {
            lock (Place)
            {
                while (!_isAwake)
                {
                    Monitor.Wait(Place);
                }

                _isAwake = false;
            }
        }
    }
}
