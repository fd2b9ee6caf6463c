using System.Numerics.Tensors;
using BenchmarkDotNet.Attributes;
using NativeBackprop.Interop;

namespace NativeBackprop.Benchmarks.Ops;

/// <summary>Activations forward and backward, beside what .NET's own vectorised primitives take for the forward functions.</summary>
public unsafe class ActivationBenchmark : KernelBenchmark
{
    [Benchmark, Work(1, 8)]
    public void ReluForward() => Kernels.nb_relu_forward_f32(A, null, 1, N, N, B);

    [Benchmark, Work(1, 12)]
    public void ReluBackward() => Kernels.nb_relu_backward_f32(A, B, 1, N, N, C, null);

    [Benchmark, Work(20, 8)]
    public void TanhForward() => Kernels.nb_tanh_forward_f32(A, null, 1, N, N, B);

    [Benchmark, Work(3, 12)]
    public void TanhBackward() => Kernels.nb_tanh_backward_f32(A, B, 1, N, N, C, null);

    [Benchmark, Work(15, 8)]
    public void SigmoidForward() => Kernels.nb_sigmoid_forward_f32(A, null, 1, N, N, B);

    [Benchmark, Work(12, 8)]
    public void ExpForward() => Kernels.nb_exp_forward_f32(A, null, 1, N, N, B);

    [Benchmark, Work(30, 8)]
    public void GeluForward() => Kernels.nb_gelu_forward_f32(A, null, 1, N, N, B);

    [Benchmark, Work(20, 8)]
    public void TanhManaged() => TensorPrimitives.Tanh(Span(0), Span(1));

    [Benchmark, Work(15, 8)]
    public void SigmoidManaged() => TensorPrimitives.Sigmoid(Span(0), Span(1));

    [Benchmark, Work(12, 8)]
    public void ExpManaged() => TensorPrimitives.Exp(Span(0), Span(1));
}
