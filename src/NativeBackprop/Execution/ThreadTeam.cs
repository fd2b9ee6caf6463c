namespace NativeBackprop;

/// <summary>
/// Threads that run the same steps together, each its share. They wait for one another by spinning for a short while and then
/// parking, so that a busy machine is not made busier. The caller is thread 0.
/// </summary>
internal sealed class ThreadTeam : IDisposable
{
    // About 20 µs of spinning: beyond the gaps inside a step. Then the processor is offered to others, among them a sibling that
    // has not been given one, for about as long as a wake-up costs. Only then does the thread park.
    private const int SpinsBeforeYielding = 600, YieldsBeforeParking = 60;

    private readonly Barrier _barrier;
    private readonly Thread[] _workers;
    private Action<int>? _work;
    private Exception? _failure;
    private bool _stopping;

    public ThreadTeam(int threads)
    {
        Count = threads;
        _barrier = new Barrier(threads, threads <= Environment.ProcessorCount ? SpinsBeforeYielding : 0);
        _workers = new Thread[threads - 1];
        for (int i = 0; i < _workers.Length; i++)
        {
            int index = i + 1;
            _workers[i] = new Thread(() => Loop(index)) { IsBackground = true, Name = $"NativeBackprop {index}" };
            _workers[i].Start();
        }
    }

    public int Count { get; }

    /// <summary>Runs the work on every thread, with the thread's index, and returns when all are done.</summary>
    public void Run(Action<int> work)
    {
        _work = work;
        _barrier.Wait();
        Do(work, 0);
        _barrier.Wait();
        if (Interlocked.Exchange(ref _failure, null) is { } failure)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        }
    }

    /// <summary>Inside <see cref="Run"/>: waits until every thread has come here.</summary>
    public void Synchronize() => _barrier.Wait();

    /// <summary>Remembers a failure of one thread, which must go on to its next barrier all the same.</summary>
    public void Fail(Exception failure) => Interlocked.CompareExchange(ref _failure, failure, null);

    public void Dispose()
    {
        if (!_stopping)
        {
            _stopping = true;
            _barrier.Wait();
            Array.ForEach(_workers, worker => worker.Join());
        }
    }

    private void Loop(int index)
    {
        while (true)
        {
            _barrier.Wait();
            if (_stopping)
            {
                return;
            }

            Do(_work!, index);
            _barrier.Wait();
        }
    }

    private void Do(Action<int> work, int index)
    {
        try
        {
            work(index);
        }
        catch (Exception failure)
        {
            Fail(failure);
        }
    }

    /// <summary>A barrier that is passed in a fraction of a microsecond when all are running, and parks when they are not.</summary>
    private sealed class Barrier(int participants, int spins)
    {
        private readonly object _parking = new();
        private int _arrived;
        private int _generation;
        private int _parked;

        public void Wait()
        {
            if (participants == 1)
            {
                return;
            }

            int generation = Volatile.Read(ref _generation);
            if (Interlocked.Increment(ref _arrived) == participants)
            {
                _arrived = 0;
                Interlocked.Increment(ref _generation);
                if (Volatile.Read(ref _parked) > 0)
                {
                    lock (_parking)
                    {
                        Monitor.PulseAll(_parking);
                    }
                }

                return;
            }

            for (int i = 0; i < spins; i++)
            {
                if (Volatile.Read(ref _generation) != generation)
                {
                    return;
                }

                Thread.SpinWait(1);
            }

            for (int i = 0; i < YieldsBeforeParking; i++)
            {
                if (Volatile.Read(ref _generation) != generation)
                {
                    return;
                }

                Thread.Yield();
            }

            Park(generation);
        }

        private void Park(int generation)
        {
            lock (_parking)
            {
                Interlocked.Increment(ref _parked);
                while (Volatile.Read(ref _generation) == generation)
                {
                    Monitor.Wait(_parking);
                }

                Interlocked.Decrement(ref _parked);
            }
        }
    }
}
