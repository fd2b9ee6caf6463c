using System.Numerics;

namespace NativeBackprop.Ops;

/// <summary>
/// 0 with a probability, else 1/(1 − probability), independently for every element and every run: what dropout multiplies by
/// (Srivastava et al. 2014, in the inverted form). Element i of a run is a function of the count of runs, the stream and i alone, so that
/// the work may be split between threads and a run can be repeated.
/// </summary>
/// <param name="Probability">In [0, 1).</param>
/// <param name="Stream">Tells masks apart that go by one count.</param>
/// <param name="Shape">The mask's shape.</param>
/// <exception cref="OptionException">The probability lies outside [0, 1).</exception>
internal sealed record DropoutMask(float Probability, ulong Stream, Shape Shape) : Op
{
    /// <summary>A count of runs in two digits, each a whole number below 2^24, the least significant first.</summary>
    public static Shape CountShape { get; } = [2];

    public float Probability { get; } = Probability is >= 0 and < 1
        ? Probability
        : throw new OptionException($"a mask's probability must lie in [0, 1), got {Probability}");

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0].Equals(CountShape)
        ? Shape
        : throw new ShapeException($"a count of runs must have the shape {CountShape}, got {inputs[0]}");

    internal override Node? Gradient(Node node, int input, Node dy) => null;

    internal override Kernel CreateKernel(KernelArguments arguments) => new MaskKernel(this, arguments.Inputs[0], arguments.Output);

    internal override void Evaluate(ReferenceArguments arguments)
    {
        double[] count = arguments.Inputs[0];
        (uint first, uint second) = Keys((ulong)count[0], (ulong)count[1]);
        for (int i = 0; i < arguments.Output.Length; i++)
        {
            uint draw = Mix(Mix((uint)i + first) ^ second);
            arguments.Output[i] = draw < Probability * 4294967296.0 ? 0 : 1 / (1 - (double)Probability);
        }
    }

    private (uint First, uint Second) Keys(ulong count, ulong carry)
    {
        ulong key = RandomSource.DeriveSeed(Stream, count | (carry << 24));
        return ((uint)key, (uint)(key >> 32));
    }

    // The finaliser of MurmurHash3, a bijection in which every bit of the argument reaches every bit of the value.
    private static uint Mix(uint x)
    {
        x = (x ^ (x >> 16)) * 0x85EBCA6B;
        x = (x ^ (x >> 13)) * 0xC2B2AE35;
        return x ^ (x >> 16);
    }

    private static Vector<uint> Mix(Vector<uint> x)
    {
        x = (x ^ (x >>> 16)) * new Vector<uint>(0x85EBCA6B);
        x = (x ^ (x >>> 13)) * new Vector<uint>(0xC2B2AE35);
        return x ^ (x >>> 16);
    }

    private sealed class MaskKernel : Kernel
    {
        private readonly DropoutMask _mask;
        private readonly Operand _count, _y;
        private readonly uint _threshold;
        private readonly float _kept;

        public MaskKernel(DropoutMask mask, Operand count, Operand y)
        {
            (_mask, _count, _y, Units, Grain) = (mask, count, y, y.Length, PinnedBuffer.AlignmentInFloats);
            (_threshold, _kept) = ((uint)Math.Ceiling(mask.Probability * 4294967296.0), 1 / (1 - mask.Probability));
            (Flops, Bytes) = (8L * y.Length, sizeof(float) * (long)y.Length);
        }

        public override string Call => "dropout_mask";

        public override void Run(int begin, int end, int thread)
        {
            Span<float> count = _count.Span, y = _y.Span[begin..end];
            (uint first, uint second) = _mask.Keys((ulong)count[0], (ulong)count[1]);
            var threshold = new Vector<uint>(_threshold);
            Vector<uint> kept = Vector.AsVectorUInt32(new Vector<float>(_kept)), secondKey = new(second);
            Vector<uint> index = Vector<uint>.Indices + new Vector<uint>(first + (uint)begin), step = new((uint)Vector<uint>.Count);
            int i = 0;
            for (; i <= y.Length - Vector<uint>.Count; i += Vector<uint>.Count, index += step)
            {
                Vector<uint> dropped = Vector.LessThan(Mix(Mix(index) ^ secondKey), threshold);
                Vector.AsVectorSingle(Vector.AndNot(kept, dropped)).CopyTo(y[i..]);
            }

            for (; i < y.Length; i++)
            {
                y[i] = Mix(Mix((uint)(begin + i) + first) ^ second) < _threshold ? 0 : _kept;
            }
        }
    }
}
