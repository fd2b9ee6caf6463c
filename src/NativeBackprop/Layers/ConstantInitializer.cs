namespace NativeBackprop.Layers;

/// <summary>See <see cref="Initializer.Constant"/>.</summary>
internal sealed record ConstantInitializer(float Value) : Initializer
{
    /// <inheritdoc/>
    protected override void FillCore(Span<float> values, int fanIn, int fanOut, RandomSource random) => values.Fill(Value);
}
