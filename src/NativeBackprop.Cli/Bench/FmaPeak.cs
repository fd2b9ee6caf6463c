using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NativeBackprop.Cli.Bench;

/// <summary>The rate of fused multiply-adds that never leave the registers: what no product can exceed on this machine, now.</summary>
internal static class FmaPeak
{
    private const int Chains = 24, Rounds = 20_000, Attempts = 5;

    // What nobody reads, the just-in-time compiler does not compute.
    private static float _sink;

    /// <summary>GFLOP/s of all threads of a team together (one thread when null), with vectors of the given width.</summary>
    /// <param name="team">The threads.</param>
    /// <param name="isa">The kernels' instruction set; the peak is the peak of its vectors.</param>
    public static double Measure(ThreadTeam? team, string isa)
    {
        int width = isa == "avx512" && Vector512.IsHardwareAccelerated ? 16 : Fma.IsSupported && isa != "scalar" ? 8 : 1;
        Func<float> run = width switch { 16 => Run512, 8 => Run256, _ => RunScalar };
        Action<int> work = _ => Volatile.Write(ref _sink, run());
        double best = 0;
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            long start = Stopwatch.GetTimestamp();
            if (team is null)
            {
                work(0);
            }
            else
            {
                team.Run(work);
            }

            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            best = Math.Max(best, 2.0 * width * Chains * Rounds * (team?.Count ?? 1) / seconds / 1e9);
        }

        return best;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Run512()
    {
        Vector512<float> a = Vector512.Create(1.0000001f), b = Vector512.Create(1e-9f);
        Vector512<float> x0 = a, x1 = a, x2 = a, x3 = a, x4 = a, x5 = a, x6 = a, x7 = a, x8 = a, x9 = a, x10 = a, x11 = a;
        for (int i = 0; i < 2 * Rounds; i++)
        {
            x0 = Avx512F.FusedMultiplyAdd(x0, a, b);
            x1 = Avx512F.FusedMultiplyAdd(x1, a, b);
            x2 = Avx512F.FusedMultiplyAdd(x2, a, b);
            x3 = Avx512F.FusedMultiplyAdd(x3, a, b);
            x4 = Avx512F.FusedMultiplyAdd(x4, a, b);
            x5 = Avx512F.FusedMultiplyAdd(x5, a, b);
            x6 = Avx512F.FusedMultiplyAdd(x6, a, b);
            x7 = Avx512F.FusedMultiplyAdd(x7, a, b);
            x8 = Avx512F.FusedMultiplyAdd(x8, a, b);
            x9 = Avx512F.FusedMultiplyAdd(x9, a, b);
            x10 = Avx512F.FusedMultiplyAdd(x10, a, b);
            x11 = Avx512F.FusedMultiplyAdd(x11, a, b);
        }

        return Vector512.Sum(x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8 + x9 + x10 + x11);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Run256()
    {
        Vector256<float> a = Vector256.Create(1.0000001f), b = Vector256.Create(1e-9f);
        Vector256<float> x0 = a, x1 = a, x2 = a, x3 = a, x4 = a, x5 = a, x6 = a, x7 = a, x8 = a, x9 = a, x10 = a, x11 = a;
        for (int i = 0; i < 2 * Rounds; i++)
        {
            x0 = Fma.MultiplyAdd(x0, a, b);
            x1 = Fma.MultiplyAdd(x1, a, b);
            x2 = Fma.MultiplyAdd(x2, a, b);
            x3 = Fma.MultiplyAdd(x3, a, b);
            x4 = Fma.MultiplyAdd(x4, a, b);
            x5 = Fma.MultiplyAdd(x5, a, b);
            x6 = Fma.MultiplyAdd(x6, a, b);
            x7 = Fma.MultiplyAdd(x7, a, b);
            x8 = Fma.MultiplyAdd(x8, a, b);
            x9 = Fma.MultiplyAdd(x9, a, b);
            x10 = Fma.MultiplyAdd(x10, a, b);
            x11 = Fma.MultiplyAdd(x11, a, b);
        }

        return Vector256.Sum(x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8 + x9 + x10 + x11);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float RunScalar()
    {
        float a = 1.0000001f, b = 1e-9f, x0 = a, x1 = a, x2 = a, x3 = a, x4 = a, x5 = a, x6 = a, x7 = a;
        for (int i = 0; i < 3 * Rounds; i++)
        {
            x0 = (x0 * a) + b;
            x1 = (x1 * a) + b;
            x2 = (x2 * a) + b;
            x3 = (x3 * a) + b;
            x4 = (x4 * a) + b;
            x5 = (x5 * a) + b;
            x6 = (x6 * a) + b;
            x7 = (x7 * a) + b;
        }

        return x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7;
    }
}
