namespace NativeBackprop.Layers;

/// <summary>See <see cref="Initializer.Glorot"/>.</summary>
internal sealed record GlorotInitializer(bool IsUniform) : Initializer
{
    /// <inheritdoc/>
    protected override void FillCore(Span<float> values, int fanIn, int fanOut, RandomSource random)
    {
        if (IsUniform)
        {
            FillUniform(values, Math.Sqrt(6.0 / (fanIn + fanOut)), random);
        }
        else
        {
            FillNormal(values, Math.Sqrt(2.0 / (fanIn + fanOut)), random);
        }
    }
}
