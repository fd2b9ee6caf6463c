namespace NativeBackprop.Layers;

/// <summary>A number for each axis of an image; one number stands for both.</summary>
/// <param name="Height">Down the rows.</param>
/// <param name="Width">Along a row.</param>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
public readonly record struct Size2d(int Height, int Width)
{
    /// <summary>The same number for both axes.</summary>
    public static implicit operator Size2d(int size) => new(size, size);

    /// <summary>A number for each axis: <c>(height, width)</c>.</summary>
    public static implicit operator Size2d((int Height, int Width) size) => new(size.Height, size.Width);

    /// <summary>For example <c>3</c> or <c>[3, 5]</c>, as a model file has it.</summary>
    public override string ToString() => Height == Width ? $"{Height}" : $"[{Height}, {Width}]";
}
