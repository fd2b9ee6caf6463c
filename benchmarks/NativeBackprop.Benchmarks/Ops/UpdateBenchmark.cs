using System.Numerics.Tensors;
using BenchmarkDotNet.Attributes;
using NativeBackprop.Interop;

namespace NativeBackprop.Benchmarks.Ops;

/// <summary>Optimizer updates, beside the triad a = b + k·c that bounds what memory gives.</summary>
public unsafe class UpdateBenchmark : KernelBenchmark
{
    [Benchmark, Work(2, 12)]
    public void Triad() => TensorPrimitives.MultiplyAdd(Span(0), 1e-9f, Span(1), Span(2));

    [Benchmark, Work(2, 12)]
    public void Sgd() => Kernels.nb_sgd_update_f32(A, N, 1e-9f, 0, B);

    [Benchmark, Work(4, 20)]
    public void Momentum() => Kernels.nb_momentum_update_f32(A, N, 1e-9f, 0.9f, 0, 0, B, C);

    [Benchmark, Work(12, 28)]
    public void Adam() => Kernels.nb_adam_update_f32(A, N, 1e-9f, 0.9f, 0.999f, 1e-8f, 0, 0, 0.1f, 0.001f, B, D, C);
}
