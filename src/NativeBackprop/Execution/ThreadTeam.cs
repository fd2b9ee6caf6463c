using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeBackprop.Interop;

namespace NativeBackprop;

/// <summary>
/// Threads that run the same steps together, each its part. They wait for one another by spinning for a short while and then
/// parking, so that a busy machine is not made busier. The caller is thread 0.
/// </summary>
/// <remarks>
/// Thread safety: one run at a time; a second caller is refused. Disposing waits for the run. The threads know the core of the team alone,
/// so that a team that is forgotten is collected, and stops them.
/// </remarks>
internal sealed class ThreadTeam : IDisposable
{
    // Spinning covers the usual difference between two parts. Then the processor is offered to others at every look: on a busy machine
    // that may be the very sibling that is waited for (small, measured beside one other busy process: 335 µs with 50 µs of
    // spinning, 145 µs without). Only then does the thread park: between two runs far apart.
    private const double SpinMicroseconds = 4, YieldMicroseconds = 300;

    private readonly Occupancy _use = new("thread team");
    private readonly TeamCore _core;

    public ThreadTeam(int threads)
    {
        Count = threads;
        _core = new TeamCore(threads);
        try
        {
            _core.Start();
        }
        catch
        {
            // The threads that did start have been stopped: once is enough.
            GC.SuppressFinalize(this);
            throw;
        }
    }

    ~ThreadTeam() => _core?.Stop();

    public int Count { get; }

    /// <summary>Runs the work on every thread, with the thread's index, and returns when all are done.</summary>
    /// <exception cref="InvalidOperationException">The team is running already.</exception>
    /// <exception cref="ObjectDisposedException">The team has been disposed of.</exception>
    public void Run(Action<int> work)
    {
        using Occupancy.Guard inside = _use.Enter();
        _core.Run(work);
        GC.KeepAlive(this);
    }

    /// <summary>Inside <see cref="Run"/>, called by a thread with its index: goes on when every thread has come here.</summary>
    public void Meet(int thread) => _core.Meet(thread);

    /// <summary>Inside <see cref="Run"/>: true once a thread has failed.</summary>
    public bool HasFailed => _core.HasFailed;

    /// <summary>Remembers a failure of one thread, which must go on to its next meeting all the same.</summary>
    public void Fail(Exception failure) => _core.Fail(failure);

    /// <exception cref="ObjectDisposedException">The team has been disposed of.</exception>
    public void ThrowIfDisposed() => _use.ThrowIfDisposed();

    /// <summary>Waits for the run that is going on, and stops the threads.</summary>
    /// <exception cref="InvalidOperationException">Called from inside the team's run.</exception>
    public void Dispose()
    {
        if (_use.Dispose())
        {
            GC.SuppressFinalize(this);
            _core.Stop();
            _core.Join();
        }
    }

    /// <summary>What the threads of a team share: nothing of a plan's between two runs.</summary>
    private sealed class TeamCore(int threads)
    {
        private readonly Barrier _barrier = new(threads, threads <= Environment.ProcessorCount ? SpinMicroseconds : 0);
        private readonly Thread[] _workers = new Thread[threads - 1];
        private Action<int>? _work;
        private Occupancy? _inside;
        private Exception? _failure;
        private volatile bool _stopping;

        public bool HasFailed => Volatile.Read(ref _failure) is not null;

        public void Start()
        {
            for (int i = 0; i < _workers.Length; i++)
            {
                int index = i + 1;
                try
                {
                    _workers[i] = new Thread(() => Loop(index)) { IsBackground = true, Name = $"NativeBackprop {index}" };
                    _workers[i].UnsafeStart();
                }
                catch
                {
                    // The machine has no thread left: those that started must not wait for one that never comes.
                    _barrier.Participants = i + 1;
                    Stop();
                    throw;
                }
            }
        }

        public void Run(Action<int> work)
        {
            (_work, _inside) = (work, Occupancy.Innermost);
            _barrier.Meet(0);
            Do(0);
            _barrier.Meet(0);
            (_work, _inside) = (null, null);
            if (Interlocked.Exchange(ref _failure, null) is { } failure)
            {
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
            }
        }

        public void Meet(int thread) => _barrier.Meet(thread);

        public void Fail(Exception failure) => Interlocked.CompareExchange(ref _failure, failure, null);

        /// <summary>Lets the threads end, without waiting for them.</summary>
        public void Stop()
        {
            _stopping = true;
            _barrier.Arrive();
        }

        public void Join() => Array.ForEach(_workers, worker => worker.Join());

        private void Loop(int index)
        {
            while (true)
            {
                _barrier.Meet(index);
                if (_stopping)
                {
                    return;
                }

                Occupancy.Innermost = _inside;
                Do(index);
                Occupancy.Innermost = null;
                _barrier.Meet(index);
            }
        }

        // Never inlined: a thread that waits has nothing of the work left in its frame, which would keep a plan from being collected.
        [MethodImpl(MethodImplOptions.NoInlining)]
        private void Do(int index)
        {
            try
            {
                _work!(index);
            }
            catch (Exception failure)
            {
                Fail(failure);
            }
        }
    }

    /// <summary>A barrier that is passed in a fraction of a microsecond when all are running, and parks when they are not.</summary>
    private sealed class Barrier(int participants, double spinMicroseconds)
    {
        private readonly object _parking = new();
        private readonly long _spin = Ticks(spinMicroseconds), _yield = Ticks(spinMicroseconds + YieldMicroseconds);
        private readonly int[] _processors = new int[participants];
        private long _separated;
        private Counters _counters;

        /// <summary>How many threads have to come; lowered only where one could not be started, before any passes.</summary>
        public int Participants { get; set; } = participants;

        public void Meet(int thread)
        {
            if (Participants == 1)
            {
                return;
            }

            _processors[thread] = ProcessorPlacement.Current;
            int generation = Volatile.Read(ref _counters.Generation);
            if (!Arrive() && !IsPassedWithin(_spin, generation, yields: false))
            {
                Separate(thread);
                if (!IsPassedWithin(_yield, generation, yields: true))
                {
                    Park(generation);
                }
            }
        }

        /// <summary>Comes without waiting for the others; true for the last one, which lets all pass.</summary>
        public bool Arrive()
        {
            if (Interlocked.Increment(ref _counters.Arrived) != Participants)
            {
                return false;
            }

            _counters.Arrived = 0;
            Interlocked.Increment(ref _counters.Generation);
            if (Volatile.Read(ref _counters.Parked) > 0)
            {
                Uninterrupted(static (barrier, _) => barrier.Wake(), 0);
            }

            return true;
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

        // Two threads that take turns on one processor look busy enough to a scheduler to be left where they are, although another is idle;
        // measured, they stay for whole seconds. The one that waits moves away, not more often than the scheduler would look itself.
        private void Separate(int thread)
        {
            int processor = ProcessorPlacement.Current;
            long now = Stopwatch.GetTimestamp(), last = Volatile.Read(ref _separated);
            for (int other = 0; other < _processors.Length && now - last > Stopwatch.Frequency / 500; other++)
            {
                if (other != thread && Volatile.Read(ref _processors[other]) == processor)
                {
                    if (Interlocked.CompareExchange(ref _separated, now, last) == last)
                    {
                        ProcessorPlacement.Leave(processor);
                    }

                    break;
                }
            }
        }

        private void Park(int generation) => Uninterrupted(static (barrier, generation) => barrier.Await(generation), generation);

        // A thread that left early would be one meeting ahead of the others: who is interrupted stays, and is interrupted afterwards.
        private void Uninterrupted(Action<Barrier, int> action, int argument)
        {
            bool isInterrupted = false;
            while (true)
            {
                try
                {
                    action(this, argument);
                    break;
                }
                catch (ThreadInterruptedException)
                {
                    isInterrupted = true;
                }
            }

            if (isInterrupted)
            {
                Thread.CurrentThread.Interrupt();
            }
        }

        private void Wake()
        {
            lock (_parking)
            {
                Monitor.PulseAll(_parking);
            }
        }

        private void Await(int generation)
        {
            lock (_parking)
            {
                Interlocked.Increment(ref _counters.Parked);
                try
                {
                    while (Volatile.Read(ref _counters.Generation) == generation)
                    {
                        Monitor.Wait(_parking);
                    }
                }
                finally
                {
                    Interlocked.Decrement(ref _counters.Parked);
                }
            }
        }

        /// <summary>
        /// Each on a cache line of its own (two, because processors fetch lines in pairs), so that those who wait do not slow those who
        /// arrive.
        /// </summary>
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
