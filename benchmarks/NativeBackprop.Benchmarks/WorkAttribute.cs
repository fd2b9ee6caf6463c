namespace NativeBackprop.Benchmarks;

/// <summary>What a benchmark does for each element of its parameter <c>Length</c>, or multiply-add of its <c>Product</c>.</summary>
/// <param name="flopsPerElement">Floating-point operations.</param>
/// <param name="bytesPerElement">Bytes read and written.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class WorkAttribute(double flopsPerElement, double bytesPerElement) : Attribute
{
    public double FlopsPerElement => flopsPerElement;

    public double BytesPerElement => bytesPerElement;
}
