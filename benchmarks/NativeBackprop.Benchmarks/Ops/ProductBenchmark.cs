using BenchmarkDotNet.Attributes;
using NativeBackprop.Interop;
using NativeBackprop.Ops;

namespace NativeBackprop.Benchmarks.Ops;

/// <summary>The products of the suite's steps on one thread, by OpenBLAS and by our own.</summary>
public unsafe class ProductBenchmark
{
    private PinnedBuffer[] _buffers = [];
    private Gemm? _gemm;

    /// <summary>Form, rows, columns and depth: NN is forward, NT the input's gradient, TN the weight's.</summary>
    [Params(
        "NN 64x128x784", "TN 784x128x64", "NN 128x512x784", "NT 128x512x256", "TN 784x512x128", "NN 256x1024x1024", "NT 256x1024x1024",
        "TN 1024x1024x256")]
    public string Product { get; set; } = "";

    [Params(ProductLibrary.OpenBlas, ProductLibrary.Own)]
    public ProductLibrary Library { get; set; }

    /// <summary>Multiply-adds of a call.</summary>
    public static double MultiplyAddsOf(string product) => Extents(product).Aggregate(1.0, (all, extent) => all * extent);

    [GlobalSetup]
    public void Setup()
    {
        NativeLibraries.EnsureLoaded();
        (bool ta, bool tb) = (Product[0] == 'T', Product[1] == 'T');
        int[] extents = Extents(Product);
        (int m, int n, int k) = (extents[0], extents[1], extents[2]);
        Shape a = ta ? [k, m] : [m, k], b = tb ? [n, k] : [k, n];
        _gemm = new Gemm(ta, tb, a, b, Library);
        _buffers = [.. new long[] { a.Length, b.Length, (long)m * n, Math.Max(1, _gemm.Workspace / sizeof(float)) }
            .Select(length => new PinnedBuffer(length))];
        var random = new RandomSource(1);
        foreach (ref float value in _buffers[0].Span)
        {
            value = random.NextSingle() - 0.5f;
        }

        foreach (ref float value in _buffers[1].Span)
        {
            value = random.NextSingle() - 0.5f;
        }
    }

    [Benchmark, Work(2, 0)]
    public void Run() => _gemm!.Run(
        1, _buffers[0].Pointer, _buffers[1].Pointer, 0, _buffers[2].Pointer, 0, _gemm.Units, _buffers[3].Pointer);

    private static int[] Extents(string product) => [.. product[3..].Split('x').Select(int.Parse)];
}
