using BenchmarkDotNet.Attributes;
using NativeBackprop.Interop;

namespace NativeBackprop.Benchmarks.Ops;

/// <summary>Vectors of lengths that fit L1, L2, L3 and neither, and each instruction set that the machine has.</summary>
public abstract unsafe class KernelBenchmark
{
    private PinnedBuffer[] _buffers = [];

    [Params(4_096, 65_536, 1_048_576, 33_554_432)]
    public int Length { get; set; }

    [ParamsSource(nameof(Levels))]
    public string Isa { get; set; } = "scalar";

    public static IEnumerable<string> Levels()
    {
        NativeLibraries.EnsureLoaded();
        return Enum.GetValues<nb_isa>().Where(isa => isa <= Kernels.nb_best_isa()).Select(Name);
    }

    protected float* A => _buffers[0].Pointer;

    protected float* B => _buffers[1].Pointer;

    protected float* C => _buffers[2].Pointer;

    protected float* D => _buffers[3].Pointer;

    protected Span<float> Span(int index) => _buffers[index].Span;

    protected nuint N => (nuint)Length;

    [GlobalSetup]
    public void Setup()
    {
        Kernels.nb_set_isa(Enum.GetValues<nb_isa>().First(isa => Name(isa) == Isa));
        var random = new RandomSource(1);
        _buffers = [.. Enumerable.Range(0, 4).Select(_ => new PinnedBuffer(Length))];
        foreach (PinnedBuffer buffer in _buffers)
        {
            foreach (ref float value in buffer.Span)
            {
                value = random.NextSingle() - 0.5f;
            }
        }

        // A second moment is never negative.
        foreach (ref float value in _buffers[3].Span)
        {
            value *= value;
        }
    }

    private static string Name(nb_isa isa) => isa.ToString()["NB_ISA_".Length..].ToLowerInvariant();
}
