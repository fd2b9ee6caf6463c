namespace NativeBackprop.Layers;

/// <summary>See <see cref="Initializer.He"/>.</summary>
internal sealed record HeInitializer(bool IsUniform) : Initializer
{
    /// <inheritdoc/>
    protected override void FillCore(Span<float> values, int fanIn, int fanOut, RandomSource random)
    {
        if (IsUniform)
        {
            FillUniform(values, Math.Sqrt(6.0 / fanIn), random);
        }
        else
        {
            FillNormal(values, Math.Sqrt(2.0 / fanIn), random);
        }
    }
}
