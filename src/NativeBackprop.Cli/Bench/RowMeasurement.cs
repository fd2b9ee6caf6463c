using System.Diagnostics;
using NativeBackprop.Optimizers;

namespace NativeBackprop.Cli.Bench;

/// <summary>What one row came to.</summary>
internal sealed record RowResult(
    string Row, string Optimizer, int Threads, int UsedThreads, double BestUs, double MedianUs, double Gflops, double PeakGflops,
    double PeakShare,
    double RatioToProducts, double ProductsUs, long AllocatedBytesPerStep, double Flops, long KeptBytes, long ArenaBytes);

/// <summary>
/// Measures a row: in each round some steps, then the bare products, then the FMA peak, so that whatever else the
/// machine does falls on all of them.
/// </summary>
internal sealed class RowMeasurement : IDisposable
{
    private const double SliceMicroseconds = 4_000;
    private const int SlicesPerRound = 8;

    private readonly Workload _workload;
    private readonly string _optimizer;
    private readonly int _threads, _repetitions;
    private readonly WorkloadStep _step;
    private readonly BareProducts _products;
    private readonly ThreadTeam? _team;
    private readonly List<double> _samples = new(4096);
    private double _peak;
    private long _allocated = long.MaxValue;

    public RowMeasurement(
        Workload workload, string optimizer, Func<Optimizer> create, int threads, bool exactThreads, ProductLibrary products)
    {
        (_workload, _optimizer, _threads) = (workload, workload.IsForwardOnly ? "forward" : optimizer, threads);
        _step = new WorkloadStep(workload, create, threads, exactThreads, products);
        _products = new BareProducts(workload, threads, products);
        _team = threads > 1 ? new ThreadTeam(threads) : null;
        _step.Plan.Run();
        long start = Stopwatch.GetTimestamp();
        _step.Plan.Run();
        double once = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        _repetitions = (int)Math.Clamp(SliceMicroseconds / once, 1, 2_000);
    }

    public Plan Plan => _step.Plan;

    /// <summary>One round. Long steps take fewer samples, short ones more.</summary>
    public void Round()
    {
        int slices = _repetitions == 1 ? 3 : SlicesPerRound;
        long before = GC.GetTotalAllocatedBytes(precise: true);
        for (int s = 0; s < slices; s++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < _repetitions; i++)
            {
                _step.Plan.Run();
            }

            _samples.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds / _repetitions);
        }

        // Whatever the runtime's own threads allocate meanwhile is not the step's doing: the least of the rounds is.
        _allocated = Math.Min(_allocated, (GC.GetTotalAllocatedBytes(precise: true) - before) / (slices * _repetitions));
        for (int i = 0; i < Math.Max(3, Math.Min(50, _repetitions)); i++)
        {
            _products.Measure();
        }

        _peak = Math.Max(_peak, FmaPeak.Measure(_team));
        if (!float.IsFinite(_step.Result))
        {
            throw new GraphException($"{_workload.Name}: the loss became {_step.Result}; a time measured on it means nothing");
        }
    }

    public RowResult Result()
    {
        double best = _samples.Min(), gflops = _workload.Flops / best / 1e3;
        double[] sorted = [.. _samples.Order()];
        return new RowResult(
            _workload.Name, _optimizer, _threads, _step.Plan.Threads, best, sorted[sorted.Length / 2], gflops, _peak, gflops / _peak,
            best / _products.BestMicroseconds, _products.BestMicroseconds, _allocated, _workload.Flops,
            _step.KeptBytes, _step.Plan.ArenaBytes);
    }

    public void Dispose()
    {
        _step.Dispose();
        _products.Dispose();
        _team?.Dispose();
    }
}
