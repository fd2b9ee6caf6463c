namespace NativeBackprop;

/// <summary>
/// A symmetric matrix that is known only by its products with vectors. Krylov methods ask for nothing more
/// (lecture notes 002, high-order derivatives).
/// </summary>
/// <remarks>Thread safety: for one thread at a time. A derived class may say otherwise.</remarks>
public abstract class KrylovOperator
{
    /// <summary>Number of rows and of columns.</summary>
    public abstract int Size { get; }

    /// <summary>Computes A·v.</summary>
    /// <param name="v">A vector of <see cref="Size"/> elements.</param>
    /// <param name="product">Receives the product.</param>
    public abstract void Apply(ReadOnlySpan<double> v, Span<double> product);

    /// <summary>A·v for a Krylov method; what a user's own matrix throws is the inner exception of ours.</summary>
    internal void Multiply(ReadOnlySpan<double> v, Span<double> product)
    {
        try
        {
            Apply(v, product);
        }
        catch (Exception error) when (UserCode.IsForeign(error))
        {
            throw UserCode.Failed($"the product with {GetType().Name}", error);
        }
    }

    /// <summary>⟨a, b⟩.</summary>
    internal static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }

    /// <summary>y ← y + k·x.</summary>
    internal static void AddScaled(Span<double> y, double k, ReadOnlySpan<double> x)
    {
        for (int i = 0; i < y.Length; i++)
        {
            y[i] += k * x[i];
        }
    }

    private protected void Require(string what, int length)
    {
        if (length != Size)
        {
            throw new ShapeException($"{what} must have {Size} elements, got {length}");
        }
    }
}
