using BenchmarkDotNet.Attributes;
using NativeBackprop.Cli.Bench;
using NativeBackprop.Optimizers;

namespace NativeBackprop.Benchmarks.Execution;

/// <summary>A whole training step of each row of the suite; <c>nbp bench</c> measures the same beside the bare products.</summary>
[MemoryDiagnoser]
public class StepBenchmark : IDisposable
{
    private WorkloadStep? _step;

    [Params("tiny", "small", "medium", "medium-tanh", "large", "xl", "latency", "lenet", "cnn", "resnet", "lstm", "gru", "chars")]
    public string Row { get; set; } = "tiny";

    [Params(1, 2)]
    public int Threads { get; set; }

    [GlobalSetup]
    public void Setup() => _step = new WorkloadStep(Workload.Find(Row), static () => new Sgd(0.01f), Threads);

    [GlobalCleanup]
    public void Dispose()
    {
        _step?.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public void Step() => _step!.Plan.Run();
}
