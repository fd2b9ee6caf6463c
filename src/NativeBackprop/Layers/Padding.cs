namespace NativeBackprop.Layers;

/// <summary>
/// How many zeros stand around an image or a signal: as many before and after each axis, or, as <see cref="Same"/>, so many that the
/// result has the extents of the input.
/// </summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public readonly record struct Padding
{
    private readonly Size2d _size;

    private Padding(Size2d size) => _size = size;

    /// <summary>
    /// As many zeros as keep the extents, for a stride of 1; of an odd number the larger half pads the end, as in PyTorch.
    /// </summary>
    public static Padding Same { get; } = new(0) { IsSame = true };

    /// <summary>True for <see cref="Same"/>.</summary>
    public bool IsSame { get; private init; }

    /// <summary>The zeros before and after each axis; null for <see cref="Same"/>.</summary>
    public Size2d? Size => IsSame ? null : _size;

    /// <summary>The same number before and after both axes.</summary>
    public static implicit operator Padding(int size) => new(size);

    /// <summary>A number for each axis: <c>(height, width)</c>.</summary>
    public static implicit operator Padding((int Height, int Width) size) => new(size);

    /// <summary>A number for each axis.</summary>
    public static implicit operator Padding(Size2d size) => new(size);

    /// <summary>For example <c>1</c>, <c>[1, 2]</c> or <c>same</c>.</summary>
    public override string ToString() => IsSame ? "same" : $"{Size}";
}
