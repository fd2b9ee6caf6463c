using System.Diagnostics;
using System.Runtime.InteropServices;

namespace NativeBackprop;

/// <summary>
/// Threads that run the same steps together, each its share. They wait for one another by spinning for a short while and then
/// parking, so that a busy machine is not made busier. The caller is thread 0.
/// </summary>
internal sealed class ThreadTeam : IDisposable
{
    // Spinning covers the usual difference between two shares. Then the processor is offered to others at every look: on a busy machine
    // that may be the very sibling that is waited for (small, measured beside one other busy process: 335 µs with 50 µs of
    // spinning, 181 µs without). Only then does the thread park: between two runs far apart.
    private const double SpinMicroseconds = 4, YieldMicroseconds = 300;

    private readonly Barrier _barrier;
    private readonly Thread[] _workers;
    private Action<int>? _work;
    private Exception? _failure;
    private bool _stopping;

    public ThreadTeam(int threads)
    {
        Count = threads;
        _barrier = new Barrier(threads, threads <= Environment.ProcessorCount ? SpinMicroseconds : 0);
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
    private sealed class Barrier(int participants, double spinMicroseconds)
    {
        private readonly object _parking = new();
        private readonly long _spin = Ticks(spinMicroseconds), _yield = Ticks(spinMicroseconds + YieldMicroseconds);
        private Counters _counters;

        public void Wait()
        {
            if (participants == 1)
            {
                return;
            }

            int generation = Volatile.Read(ref _counters.Generation);
            if (Interlocked.Increment(ref _counters.Arrived) == participants)
            {
                _counters.Arrived = 0;
                Interlocked.Increment(ref _counters.Generation);
                if (Volatile.Read(ref _counters.Parked) > 0)
                {
                    lock (_parking)
                    {
                        Monitor.PulseAll(_parking);
                    }
                }
            }
            else if (!IsPassedWithin(_spin, generation, yields: false) && !IsPassedWithin(_yield, generation, yields: true))
            {
                Park(generation);
            }
        }

        private static long Ticks(double microseconds) => (long)(microseconds * Stopwatch.Frequency / 1e6);

        private bool IsPassedWithin(long ticks, int generation, bool yields)
        {
            // The clock is read once in a while only: it costs as much as several looks at the counter.
            const int looks = 16;
            long start = Stopwatch.GetTimestamp();
            do
            {
                for (int i = 0; i < looks; i++)
                {
                    if (Volatile.Read(ref _counters.Generation) != generation)
                    {
                        return true;
                    }

                    if (yields)
                    {
                        Thread.Yield();
                    }
                    else
                    {
                        Thread.SpinWait(1);
                    }
                }
            }
            while (Stopwatch.GetTimestamp() - start < ticks);
            return false;
        }

        private void Park(int generation)
        {
            lock (_parking)
            {
                Interlocked.Increment(ref _counters.Parked);
                while (Volatile.Read(ref _counters.Generation) == generation)
                {
                    Monitor.Wait(_parking);
                }

                Interlocked.Decrement(ref _counters.Parked);
            }
        }

        /// <summary>Each on a cache line of its own (two, because processors fetch lines in pairs), so that those who wait do not slow those who arrive.</summary>
        [StructLayout(LayoutKind.Explicit, Size = 512)]
        private struct Counters
        {
            [FieldOffset(128)]
            public int Arrived;

            [FieldOffset(256)]
            public int Generation;

            [FieldOffset(384)]
            public int Parked;
        }
    }
}
