using System.Numerics.Tensors;
using BenchmarkDotNet.Attributes;
using NativeBackprop.Interop;

namespace NativeBackprop.Benchmarks.Ops;

/// <summary>Sums, and the softmax cross-entropy of rows of sixteen classes.</summary>
public unsafe class ReductionBenchmark : KernelBenchmark
{
    private const int Classes = 16;

    [Benchmark, Work(1, 4)]
    public void Sum() => Kernels.nb_sum_f32(A, 1, N, 1, 1, B);

    [Benchmark, Work(1, 4)]
    public float SumManaged() => TensorPrimitives.Sum(Span(0));

    [Benchmark, Work(1, 4)]
    public void BiasGradient() => Kernels.nb_sum_f32(A, 1, N / 256, 256, 256, B);

    [Benchmark, Work(15, 8)]
    public void SoftmaxRows() => Kernels.nb_softmax_f32(A, N / Classes, Classes, B);

    [Benchmark, Work(18, 12)]
    public void SoftmaxCrossEntropyDense() => Kernels.nb_softmax_cross_entropy_dense_f32(A, B, D, N / Classes, Classes, null, C);
}
