namespace NativeBackprop.Layers;

/// <summary>See <see cref="Initializer.Uniform"/>.</summary>
internal sealed record UniformInitializer(float Low, float High) : Initializer
{
    /// <summary>The upper bound.</summary>
    public float High { get; } = float.IsFinite(Low) && float.IsFinite(High) && Low <= High
        ? High
        : throw new OptionException($"a uniform initializer needs finite bounds in order, got {Low} and {High}");

    /// <inheritdoc/>
    protected override void FillCore(Span<float> values, int fanIn, int fanOut, RandomSource random)
    {
        foreach (ref float value in values)
        {
            value = (float)(Low + (((double)High - Low) * random.NextDouble()));
        }
    }
}
