namespace NativeBackprop;

/// <summary>
/// What a kernel costs, by constants measured on a 2-core Zen 5: good enough to tell work that is worth a second thread from
/// work that is not. The thread count of a plan can be set when it guesses wrong.
/// </summary>
internal static class CostModel
{
    /// <summary>Rate of a product on one thread, GFLOP/s: the low end of what a small one reaches.</summary>
    private const double GigaflopsPerSecond = 150;

    /// <summary>Rate of a pass over memory in cache on one thread, GB/s.</summary>
    private const double GigabytesPerSecond = 60;

    /// <summary>Below this time of its own, in µs, splitting a kernel gains less than meeting costs.</summary>
    private const double WorthSplitting = 2.0;

    /// <summary>Below this sum of time that can be split, in µs, waking a team costs more than it saves.</summary>
    private const double WorthATeam = 6.0;

    /// <summary>The time of one run on one thread, in µs.</summary>
    public static double Microseconds(Kernel kernel) =>
        Math.Max(kernel.Flops / GigaflopsPerSecond, kernel.Bytes / GigabytesPerSecond) / 1e3;

    /// <summary>Into how many parts, one a thread, a kernel should be split.</summary>
    public static int Parts(Kernel kernel, int threads) =>
        kernel.Units > kernel.Grain && Microseconds(kernel) >= WorthSplitting ? threads : 1;

    /// <summary>How many threads should run a plan of these kernels, at most <paramref name="limit"/>.</summary>
    public static int Threads(IEnumerable<Kernel> kernels, int limit)
    {
        double splittable = kernels.Where(kernel => Parts(kernel, 2) > 1).Sum(Microseconds);
        return splittable >= WorthATeam ? limit : 1;
    }
}
