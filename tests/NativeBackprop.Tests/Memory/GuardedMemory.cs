using System.Runtime.InteropServices;

namespace NativeBackprop.Tests.Memory;

/// <summary>
/// A memory source that gives every value pages of its own between two pages that nobody may touch. A value ends as near to the page
/// behind it as its alignment allows; what is left of its pages is filled with a canary. An address is never handed out twice: memory
/// whose owner was collected becomes untouchable for good when <see cref="Retire"/> is called. Linux only.
/// </summary>
internal sealed unsafe partial class GuardedMemory : MemorySource
{
    // As a float it is NaN, so that what a kernel computes from it by mistake shows.
    private const byte Canary = 0xFF;
    private const int Page = 4096;
    private const long Chunk = 1L << 30;
    private const int None = 0, ReadWrite = 3, PrivateAnonymousNoReserve = 0x4022, DontNeed = 4;

    // Larger values are refused like memory that is not there: sequences of calls ask for absurd sizes on purpose, and what then does
    // as it is told for minutes is no hang.
    private const long LargestBytes = 128L << 10;

    private readonly Lock _lock = new();
    private readonly HashSet<Region> _live = [];
    private List<Region> _dropped = [];
    private nint _next, _end;

    [ThreadStatic]
    private static int _untilFailure;

    /// <summary>Makes an allocation of this thread fail, once: the one after so many others; 0 makes none fail.</summary>
    public static int UntilFailure
    {
        get => _untilFailure;
        set => _untilFailure = value;
    }

    /// <summary>No place is reused here.</summary>
    public override bool ReusesBlocks => false;

    /// <summary>How many values have owners that were not collected yet.</summary>
    public int Live
    {
        get
        {
            lock (_lock)
            {
                return _live.Count;
            }
        }
    }

    public override MemoryBlock Allocate(int length)
    {
        long bytes = (long)length * sizeof(float);
        if (_untilFailure > 0 && --_untilFailure == 0)
        {
            throw new InsufficientMemoryException("this allocation was made to fail");
        }

        if (bytes > LargestBytes)
        {
            throw new InsufficientMemoryException($"guarded memory hands out {LargestBytes} bytes at most, not {bytes}");
        }

        long pages = Math.Max(1, (bytes + Page - 1) / Page) * Page;
        long room = (bytes + PinnedBuffer.Alignment - 1) / PinnedBuffer.Alignment * PinnedBuffer.Alignment;
        lock (_lock)
        {
            if (_next + pages + Page > _end)
            {
                _next = Map(0, Chunk, None, PrivateAnonymousNoReserve, -1, 0);
                _end = _next + (nint)Chunk;
                Check(_next == -1 ? -1 : 0, "mmap");
                _next += Page;
            }

            nint begin = _next;
            _next += (nint)pages + Page;
            Check(Protect(begin, (nuint)pages, ReadWrite), "mprotect");
            var region = new Region(this, begin, pages, begin + (nint)(pages - room), bytes);
            region.Before.Fill(Canary);
            region.After.Fill(Canary);
            _live.Add(region);
            return new MemoryBlock(new Handle(region), 0, region.Start);
        }
    }

    /// <summary>How many values, each counted once, have something written beside them.</summary>
    public int CountDamage()
    {
        lock (_lock)
        {
            return _live.Count(region => region.IsDamaged()) + _dropped.Count(region => region.IsDamaged());
        }
    }

    /// <summary>
    /// Makes the values whose owners were collected untouchable. Call it where nothing that was dropped can be in use any more.
    /// </summary>
    public void Retire()
    {
        lock (_lock)
        {
            foreach (Region region in _dropped)
            {
                Check(Advise(region.Begin, (nuint)region.Pages, DontNeed), "madvise");
                Check(Protect(region.Begin, (nuint)region.Pages, None), "mprotect");
            }

            _dropped = [];
        }
    }

    private void Drop(Region region)
    {
        lock (_lock)
        {
            _live.Remove(region);
            _dropped.Add(region);
        }
    }

    private static void Check(int result, string call)
    {
        if (result != 0)
        {
            throw new InvalidOperationException($"{call} failed with error {Marshal.GetLastPInvokeError()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, long length, int protection, int flags, int file, long offset);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static partial int Protect(nint address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "madvise", SetLastError = true)]
    private static partial int Advise(nint address, nuint length, int advice);

    /// <summary>A value's pages, with the value in them.</summary>
    private sealed class Region(GuardedMemory source, nint begin, long pages, nint start, long bytes)
    {
        private bool _reported;

        public GuardedMemory Source => source;

        public nint Begin => begin;

        public long Pages => pages;

        public nint Start => start;

        public Span<byte> Before => new((void*)begin, (int)(start - begin));

        public Span<byte> After => new((void*)(start + (nint)bytes), (int)(begin + (nint)pages - start - (nint)bytes));

        public bool IsDamaged()
        {
            bool damaged = !_reported && (Before.ContainsAnyExcept(Canary) || After.ContainsAnyExcept(Canary));
            _reported |= damaged;
            return damaged;
        }
    }

    /// <summary>What a buffer holds; says when it was collected.</summary>
    private sealed class Handle(Region region)
    {
        ~Handle() => region.Source.Drop(region);
    }
}
