namespace NativeBackprop.Layers;

/// <summary>
/// See <see cref="Initializer.Orthogonal"/>: normal numbers, made orthogonal by Gram and Schmidt's process in double precision, twice over
/// against rounding.
/// </summary>
internal sealed record OrthogonalInitializer(float Gain) : Initializer
{
    /// <inheritdoc/>
    protected override void FillCore(Span<float> values, int fanIn, int fanOut, RandomSource random)
    {
        if (values.Length != (long)fanIn * fanOut)
        {
            throw new OptionException($"an orthogonal initializer fills a matrix of {fanIn} times {fanOut} values, got {values.Length}");
        }

        int count = Math.Min(fanIn, fanOut), length = Math.Max(fanIn, fanOut);
        var vectors = new double[count][];
        for (int i = 0; i < count; i++)
        {
            vectors[i] = new double[length];
            for (int j = 0; j < length; j++)
            {
                vectors[i][j] = random.NextNormal();
            }

            for (int k = 0; k < 2 * i; k++)
            {
                Subtract(vectors[i], vectors[k % i]);
            }

            double norm = Math.Sqrt(Dot(vectors[i], vectors[i]));
            for (int j = 0; j < length; j++)
            {
                vectors[i][j] /= norm;
                values[fanIn <= fanOut ? (i * fanOut) + j : (j * fanOut) + i] = (float)(Gain * vectors[i][j]);
            }
        }
    }

    private static double Dot(double[] a, double[] b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }

    private static void Subtract(double[] vector, double[] unit)
    {
        double along = Dot(vector, unit);
        for (int i = 0; i < vector.Length; i++)
        {
            vector[i] -= along * unit[i];
        }
    }
}
