namespace NativeBackprop.Cli.Bench;

/// <summary>
/// One matrix product of a row's step: C = op(A)·op(B) with C of <paramref name="M"/> times <paramref name="N"/> numbers, each a sum of
/// <paramref name="K"/>.
/// </summary>
/// <param name="TransposeA">True where A stands in memory as [K, M].</param>
/// <param name="TransposeB">True where B stands in memory as [N, K].</param>
/// <param name="M">Rows of C.</param>
/// <param name="N">Columns of C.</param>
/// <param name="K">What is summed over.</param>
/// <param name="A">Name of the memory that A is in: operands of one name are in one place, as long as the longest of them.</param>
/// <param name="B">Name of B's memory.</param>
/// <param name="C">Name of C's memory.</param>
/// <param name="Updates">True where the product is subtracted from C, as plain gradient descent does with a weight's gradient.</param>
internal sealed record BareProduct(
    bool TransposeA, bool TransposeB, int M, int N, int K, string A, string B, string C, bool Updates = false)
{
    /// <summary>Floating-point operations, a multiply-add counted as two.</summary>
    public double Flops => 2.0 * M * N * K;

    /// <summary>A as it stands in memory.</summary>
    public Shape ShapeA => TransposeA ? [K, M] : [M, K];

    /// <summary>B as it stands in memory.</summary>
    public Shape ShapeB => TransposeB ? [N, K] : [K, N];

    /// <summary>C.</summary>
    public Shape ShapeC => [M, N];
}
