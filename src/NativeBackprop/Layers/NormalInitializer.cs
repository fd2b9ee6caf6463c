namespace NativeBackprop.Layers;

/// <summary>See <see cref="Initializer.Normal"/>.</summary>
internal sealed record NormalInitializer(float Deviation) : Initializer
{
    /// <summary>The standard deviation.</summary>
    public float Deviation { get; } = Deviation >= 0 && float.IsFinite(Deviation)
        ? Deviation
        : throw new OptionException($"a normal initializer's deviation must be a finite number of at least 0, got {Deviation}");

    /// <inheritdoc/>
    protected override void FillCore(Span<float> values, int fanIn, int fanOut, RandomSource random) =>
        FillNormal(values, Deviation, random);
}
