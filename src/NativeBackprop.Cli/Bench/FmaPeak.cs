using System.Diagnostics;
using NativeBackprop.Interop;

namespace NativeBackprop.Cli.Bench;

/// <summary>The rate of fused multiply-adds that never leave the registers: what no product can exceed on this machine, now.</summary>
internal static class FmaPeak
{
    // Half a millisecond: long beside waking a team, short beside a time slice of the operating system.
    private const long Rounds = 100_000;
    private const int Attempts = 5;

    /// <summary>
    /// GFLOP/s of all threads of a team together (one thread when null), with the widest vectors in use: the kernels may have been told to
    /// use narrower ones than OpenBLAS does.
    /// </summary>
    public static double Measure(ThreadTeam? team)
    {
        nb_isa products = OpenBlasCores.LevelOf(NativeLibraries.BlasCore), kernels = Kernels.nb_active_isa();
        nb_isa widest = (nb_isa)Math.Min((uint)Kernels.nb_best_isa(), Math.Max((uint)kernels, (uint)products));
        long operations = 0;
        Action<int> work = _ => Interlocked.Add(ref operations, Loop(widest));
        double best = 0;
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            operations = 0;
            long start = Stopwatch.GetTimestamp();
            if (team is null)
            {
                work(0);
            }
            else
            {
                team.Run(work);
            }

            best = Math.Max(best, operations / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9);
        }

        return best;
    }

    private static unsafe long Loop(nb_isa isa)
    {
        float sum;
        return Kernels.nb_multiply_add_peak(isa, Rounds, &sum);
    }
}
