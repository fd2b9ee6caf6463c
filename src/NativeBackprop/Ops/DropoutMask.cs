using System.Numerics;

namespace NativeBackprop.Ops;

/// <summary>
/// 0 with a probability, else 1/(1 − probability), independently for every element and every run: what dropout multiplies by
/// (Srivastava et al. 2014, in the inverted form). Element i of a run is a function of the stream's state, the position and i alone, so that
/// threads may share the work and a run can be repeated.
/// </summary>
/// <param name="Probability">In [0, 1).</param>
/// <param name="Position">Tells masks apart that draw from one stream.</param>
/// <param name="Shape">The mask's shape.</param>
internal sealed record DropoutMask(float Probability, int Position, Shape Shape) : Op
{
    /// <summary>A stream's state: a count of runs in two digits, and two parts of a seed, each a whole number below 2^24.</summary>
    public static Shape StreamShape { get; } = [4];

    internal override Shape InferShape(ReadOnlySpan<Shape> inputs) => inputs[0].Equals(StreamShape)
        ? Shape
        : throw new ShapeException($"a stream's state must have the shape {StreamShape}, got {inputs[0]}");

    internal override Node? Gradient(Node node, int input, Node dy) => null;

    internal override Kernel CreateKernel(KernelArguments arguments) => new MaskKernel(this, arguments.Inputs[0], arguments.Output);

    internal override void Evaluate(ReferenceArguments arguments)
    {
        double[] state = arguments.Inputs[0];
        (uint first, uint second) = Keys((ulong)state[0], (ulong)state[1], (ulong)state[2], (ulong)state[3]);
        for (int i = 0; i < arguments.Output.Length; i++)
        {
            uint draw = Mix(Mix((uint)i + first) ^ second);
            arguments.Output[i] = draw < Probability * 4294967296.0 ? 0 : 1 / (1 - (double)Probability);
        }
    }

    private (uint First, uint Second) Keys(ulong count, ulong carry, ulong seed, ulong seed2)
    {
        ulong key = RandomSource.Mix(RandomSource.Mix(count | (carry << 24)) + (seed | (seed2 << 24)) + ((ulong)Position << 48));
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
        private readonly Operand _state, _y;
        private readonly uint _threshold;
        private readonly float _kept;

        public MaskKernel(DropoutMask mask, Operand state, Operand y)
        {
            (_mask, _state, _y, Units, Grain) = (mask, state, y, y.Length, PinnedBuffer.AlignmentInFloats);
            (_threshold, _kept) = ((uint)Math.Ceiling(mask.Probability * 4294967296.0), 1 / (1 - mask.Probability));
            (Flops, Bytes) = (8L * y.Length, sizeof(float) * (long)y.Length);
        }

        public override string Call => "dropout_mask";

        public override void Run(int begin, int end, int thread)
        {
            Span<float> state = _state.Span, y = _y.Span[begin..end];
            (uint first, uint second) = _mask.Keys((ulong)state[0], (ulong)state[1], (ulong)state[2], (ulong)state[3]);
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
