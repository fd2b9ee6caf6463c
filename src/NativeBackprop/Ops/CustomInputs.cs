using System.Runtime.InteropServices;

namespace NativeBackprop.Ops;

/// <summary>The inputs that a <see cref="CustomOp"/> is given: their elements, row-major, and their shapes.</summary>
/// <remarks>Thread safety: for one thread at a time. It is valid inside the call that it was handed to, on its thread.</remarks>
/// <typeparam name="T"><see cref="float"/> in a plan, <see cref="double"/> in the reference.</typeparam>
public readonly ref struct CustomInputs<T>
    where T : struct
{
    private readonly ReadOnlySpan<Operand> _operands;
    private readonly ReadOnlySpan<T[]> _arrays;
    private readonly ReadOnlySpan<Shape> _shapes;

    internal CustomInputs(ReadOnlySpan<Operand> operands, ReadOnlySpan<Shape> shapes)
    {
        _operands = operands;
        _shapes = shapes;
        Count = operands.Length;
    }

    internal CustomInputs(ReadOnlySpan<T[]> arrays, ReadOnlySpan<Shape> shapes)
    {
        _arrays = arrays;
        _shapes = shapes;
        Count = arrays.Length;
    }

    /// <summary>How many inputs there are.</summary>
    public int Count { get; }

    /// <summary>The elements of an input.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such input.</exception>
    public ReadOnlySpan<T> this[int input] =>
        _operands.IsEmpty ? _arrays[Existing(input)] : MemoryMarshal.Cast<float, T>(_operands[Existing(input)].Span);

    /// <summary>The shape of an input, with the batch size filled in.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such input.</exception>
    public Shape Shape(int input) => _shapes[Existing(input)];

    private int Existing(int input) => (uint)input < (uint)Count
        ? input
        : throw new ArgumentOutOfRangeException(nameof(input), input, $"there are {Count} inputs");

    /// <summary>The same inputs, rounded to float32.</summary>
    internal CustomInputs<float> Round()
    {
        var arrays = new float[Count][];
        for (int i = 0; i < Count; i++)
        {
            arrays[i] = Round(MemoryMarshal.Cast<T, double>(this[i]));
        }

        return new CustomInputs<float>(arrays, _shapes);
    }

    internal static float[] Round(ReadOnlySpan<double> values)
    {
        var rounded = new float[values.Length];
        for (int i = 0; i < rounded.Length; i++)
        {
            rounded[i] = (float)values[i];
        }

        return rounded;
    }
}
