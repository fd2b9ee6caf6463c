using System.Runtime.InteropServices;

namespace NativeBackprop.IO;

/// <summary>The element types that are read and written, in the order in which the reference implementation sorts them.</summary>
internal enum SafetensorsDType
{
    /// <summary>32-bit signed integer.</summary>
    I32,

    /// <summary>32-bit IEEE 754 number.</summary>
    F32,

    /// <summary>64-bit IEEE 754 number.</summary>
    F64,

    /// <summary>64-bit signed integer.</summary>
    I64,
}

/// <summary>A named tensor of a safetensors file: row-major, little-endian. The elements are a copy of its own.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
internal sealed class SafetensorsTensor
{
    private readonly int[] _shape;
    private readonly byte[] _data;

    internal SafetensorsTensor(string name, SafetensorsDType dtype, int[] shape, byte[] data) =>
        (Name, DType, _shape, _data) = (name, dtype, shape, data);

    /// <summary>The name, unique in its file.</summary>
    public string Name { get; }

    /// <summary>The type of the elements.</summary>
    public SafetensorsDType DType { get; }

    /// <summary>The extents; empty for a scalar.</summary>
    public ReadOnlySpan<int> Shape => _shape;

    /// <summary>The number of elements.</summary>
    public int Count => _data.Length / ElementSize(DType);

    /// <summary>The elements as they are in the file.</summary>
    public ReadOnlySpan<byte> Bytes => _data;

    /// <summary>A tensor of type F32.</summary>
    /// <exception cref="ShapeException">The values do not fill the shape.</exception>
    public static SafetensorsTensor Create(string name, ReadOnlySpan<int> shape, ReadOnlySpan<float> values) =>
        Create(name, SafetensorsDType.F32, shape, MemoryMarshal.AsBytes(values));

    /// <summary>A tensor of type F64.</summary>
    /// <inheritdoc cref="Create(string, ReadOnlySpan{int}, ReadOnlySpan{float})"/>
    public static SafetensorsTensor Create(string name, ReadOnlySpan<int> shape, ReadOnlySpan<double> values) =>
        Create(name, SafetensorsDType.F64, shape, MemoryMarshal.AsBytes(values));

    /// <summary>A tensor of type I32.</summary>
    /// <inheritdoc cref="Create(string, ReadOnlySpan{int}, ReadOnlySpan{float})"/>
    public static SafetensorsTensor Create(string name, ReadOnlySpan<int> shape, ReadOnlySpan<int> values) =>
        Create(name, SafetensorsDType.I32, shape, MemoryMarshal.AsBytes(values));

    /// <summary>A tensor of type I64.</summary>
    /// <inheritdoc cref="Create(string, ReadOnlySpan{int}, ReadOnlySpan{float})"/>
    public static SafetensorsTensor Create(string name, ReadOnlySpan<int> shape, ReadOnlySpan<long> values) =>
        Create(name, SafetensorsDType.I64, shape, MemoryMarshal.AsBytes(values));

    /// <summary>The elements of an F32 tensor.</summary>
    /// <exception cref="DataException">The tensor has another type.</exception>
    public ReadOnlySpan<float> AsSingle() => As<float>(SafetensorsDType.F32);

    /// <summary>The elements of an F64 tensor.</summary>
    /// <exception cref="DataException">The tensor has another type.</exception>
    public ReadOnlySpan<double> AsDouble() => As<double>(SafetensorsDType.F64);

    /// <summary>The elements of an I32 tensor.</summary>
    /// <exception cref="DataException">The tensor has another type.</exception>
    public ReadOnlySpan<int> AsInt32() => As<int>(SafetensorsDType.I32);

    /// <summary>The elements of an I64 tensor.</summary>
    /// <exception cref="DataException">The tensor has another type.</exception>
    public ReadOnlySpan<long> AsInt64() => As<long>(SafetensorsDType.I64);

    /// <summary>A copy of the elements of an F32 tensor, or of an F64 tensor rounded to the nearest float.</summary>
    /// <exception cref="DataException">The tensor has a type of integers.</exception>
    public float[] ToSingle()
    {
        if (DType != SafetensorsDType.F64)
        {
            return AsSingle().ToArray();
        }

        ReadOnlySpan<double> source = AsDouble();
        float[] values = new float[source.Length];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (float)source[i];
        }

        return values;
    }

    /// <summary>The name, type and shape, as in <c>0.weight F32 [128, 64]</c>.</summary>
    public override string ToString() => $"{Name} {DType} [{string.Join(", ", _shape)}]";

    internal static int ElementSize(SafetensorsDType dtype) =>
        dtype is SafetensorsDType.I32 or SafetensorsDType.F32 ? 4 : 8;

    private static SafetensorsTensor Create(string name, SafetensorsDType dtype, ReadOnlySpan<int> shape, ReadOnlySpan<byte> data)
    {
        ArgumentNullException.ThrowIfNull(name);
        Int128 count = 1;
        foreach (int extent in shape)
        {
            // Once the product is out of reach only an extent of 0 can bring it back, so its exact value can go.
            count = extent < 0 ? -1 : Int128.Min(count * extent, (Int128)long.MaxValue);
            if (count < 0)
            {
                break;
            }
        }

        int elements = data.Length / ElementSize(dtype);
        return count == elements ? new SafetensorsTensor(name, dtype, shape.ToArray(), data.ToArray())
            : throw new ShapeException($"{name}: a shape of [{string.Join(", ", shape.ToArray())}] does not hold {elements} values");
    }

    private ReadOnlySpan<T> As<T>(SafetensorsDType expected)
        where T : unmanaged =>
        DType == expected ? MemoryMarshal.Cast<byte, T>(_data)
        : throw new DataException($"tensor '{Name}': expected the type {expected}, found {DType}");
}
