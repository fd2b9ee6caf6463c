namespace NativeBackprop;

/// <summary>What the four bytes of an element hold.</summary>
internal enum ElementType
{
    /// <summary>IEEE 754 binary32.</summary>
    Float32,

    /// <summary>A class index.</summary>
    Int32,
}
