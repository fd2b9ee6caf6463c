using NativeBackprop.Ops;

namespace NativeBackprop.Tests.Ops;

/// <summary>Draws the values of one operand, from a domain that the op is smooth in.</summary>
internal delegate void Domain(Span<float> values, RandomSource random);

/// <summary>
/// One operand of a row: its shape for a size n, where its values come from, and the number of classes of an operand of labels.
/// </summary>
internal sealed record RowOperand(Func<int, Shape> Shape, Domain Domain, int Classes = 0);

/// <summary>
/// One op (or layer, or loss) of the table: the operands it is tried on and how it is put on a graph. Everything else that the tests
/// ask of an op (reference,
/// gradients, threads, instruction sets) follows from this.
/// </summary>
internal sealed record OpRow(string Name, Type Op, Func<Graph, Node[], Node> Build, params RowOperand[] Operands)
{
    /// <summary>True when the table says that the work is never split between threads; null when it does not say.</summary>
    public bool? IsSerial { get; init; } = false;

    /// <summary>How often the op can be differentiated: 0 for one that stands outside of differentiation, 1 for a user's own.</summary>
    public int Derivatives { get; init; } = 2;

    public override string ToString() => Name;
}

/// <summary>Where a row's operands come from.</summary>
internal static class Domains
{
    public static void Normal(Span<float> values, RandomSource random)
    {
        foreach (ref float value in values)
        {
            value = (float)random.NextNormal();
        }
    }

    /// <summary>0.3 to 2.5.</summary>
    public static void Positive(Span<float> values, RandomSource random)
    {
        foreach (ref float value in values)
        {
            value = (float)(0.3 + (2.2 * random.NextDouble()));
        }
    }

    /// <summary>Normal, at least 0.2 away from some points.</summary>
    public static Domain AwayFrom(params double[] points) => (values, random) =>
    {
        foreach (ref float value in values)
        {
            do
            {
                value = (float)random.NextNormal();
            }
            while (Near(value, points));
        }
    };

    /// <summary>Where an elementwise function is defined and smooth, from its row of the table.</summary>
    public static Domain SmoothFor(Elementwise function) => function.Domain is not null
        ? Positive
        : AwayFrom(function.Row.Avoided?.Invoke(function.Parameter) ?? function.Row.Kinks);

    /// <summary>All different, −2 to 2, in random order. Operands of other phases have other values.</summary>
    public static Domain Distinct(double phase = 0) => (values, random) =>
    {
        int[] order = [.. Enumerable.Range(0, values.Length)];
        random.Shuffle(order);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (float)(-2 + (4 * (order[i] + phase) / values.Length));
        }
    };

    /// <summary>Whole numbers from 1 to 1000.</summary>
    public static void Whole(Span<float> values, RandomSource random)
    {
        foreach (ref float value in values)
        {
            value = 1 + random.NextInt(1000);
        }
    }

    private static bool Near(float value, double[] points) => Array.Exists(points, point => Math.Abs(value - point) < 0.2);

    /// <summary>Rows of five positive numbers of sum 1, or of whatever the last dimension is.</summary>
    public static void Probabilities(Span<float> values, RandomSource random)
    {
        Positive(values, random);
        foreach (ref float value in values)
        {
            value /= 7;
        }
    }
}
