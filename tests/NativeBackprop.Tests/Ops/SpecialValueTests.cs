using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Ops;

/// <summary>NaN, infinities, zeros of both signs, the ends of the float range, and kinks.</summary>
[TestFixture]
internal sealed class SpecialValueTests
{
    private static readonly float[] Special =
    [
        float.NaN, float.PositiveInfinity, float.NegativeInfinity, 0f, -0f, 1f, -1f, 0.5f, 2f, -2f, float.Epsilon, -float.Epsilon,
        1.17549435e-38f, -1.17549435e-38f, 1e-20f, -1e-20f, 80f, -80f, 100f, -100f, 1e10f, -1e10f, float.MaxValue, float.MinValue,
    ];

    // What stands at a kink, from the documents of the ops: the derivative from the left, but 0 for abs.
    private static readonly (Elementwise Function, float At, float Expected)[] Kinks =
    [
        (new Relu(), 0, 0), (new Relu(), -0f, 0), (new LeakyRelu(0.1f), 0, 0.1f), (new LeakyRelu(-0.5f), -0f, -0.5f),
        (new Abs(), 0, 0), (new Abs(), -0f, 0), (new Elu(0.7f), 0, 0.7f), (new Elu(2), -0f, 2),
    ];

    private static IEnumerable<OpRow> Smooth =>
        OpTable.ElementwiseRows.Where(row => ((Elementwise)new OpCase(row, 1, 1).Result.Op).Domain is null);

    [TestCase(1e-39f)]
    [TestCase(-1e-39f)]
    [TestCase(3e38f)]
    [TestCase(3f)]
    public void A_quotient_by_a_number_is_the_quotient(float k)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [4]), y = x / k;
        float[] values = [0, 1e-3f, -2, 3e38f];
        using Plan plan = graph.Compile([y, graph.Gradient(y.Sum(), [x])[0]]);
        plan.Bind(x, values).Run();
        float[] expected = [.. values.Select(value => value / k)], got = plan[y].Span.ToArray();
        for (int i = 0; i < values.Length; i++)
        {
            Assert.That(
                got[i],
                float.IsNormal(expected[i]) ? Is.EqualTo(expected[i]).Within(1).Ulps : Is.EqualTo(expected[i]).Within(1.2e-38f));
        }
    }

    [TestCaseSource(nameof(Smooth))]
    public void Forward_values_of_special_arguments_are_those_of_the_reference_rounded(object source)
    {
        var function = (Elementwise)new OpCase((OpRow)source, 1, 1).Result.Op;
        // Sines of huge arguments are a matter of argument reduction that the kernels do not promise.
        float[] values = [.. Special.Where(x => !IsWave(function) || !(Math.Abs(x) > 1e5f) || float.IsInfinity(x))];
        // In more than one vector's width, so that vector bodies and tails both see each value.
        foreach (int shift in (int[])[0, 5, 17])
        {
            float[] x = [.. Enumerable.Repeat(0.25f, shift), .. values];
            float[] y = Evaluate(function, x);
            Assert.Multiple(() =>
            {
                for (int i = 0; i < x.Length; i++)
                {
                    // Where the formula is −Inf · 0 the kernels give its limit.
                    double expected = function is Silu or Gelu or GeluTanh && float.IsNegativeInfinity(x[i]) ? 0 : function.Value(x[i]);
                    AssertSame(y[i], expected, $"{function.Name}({x[i]})");
                }
            });
        }
    }

    [TestCaseSource(nameof(Smooth))]
    public void Backward_values_at_finite_arguments_are_those_of_the_reference_rounded_and_NaN_stays_NaN(object source)
    {
        var function = (Elementwise)new OpCase((OpRow)source, 1, 1).Result.Op;
        float[] x = [.. Special.Where(value => !IsWave(function) || !(Math.Abs(value) > 1e5f)).Where(value => !float.IsInfinity(value))];
        float[] dx = Differentiate(function, x);
        Assert.Multiple(() =>
        {
            for (int i = 0; i < x.Length; i++)
            {
                if (float.IsNaN(x[i]) && function.Saved == SavedOperand.Input && !IgnoresNaN(function))
                {
                    Assert.That(dx[i], Is.NaN, function.Name);
                }
                else if (!float.IsNaN(x[i]))
                {
                    double saved = function.Saved == SavedOperand.Output ? (float)function.Value(x[i]) : x[i];
                    AssertSame(dx[i], function.Derivative(saved), $"{function.Name}'({x[i]})",
                        function.Saved == SavedOperand.Output ? 1e-6 : 2e-43);
                }
            }
        });
    }

    [TestCaseSource(nameof(Kinks))]
    public void A_kink_has_the_documented_subgradient((Elementwise Function, float At, float Expected) kink)
    {
        Assert.That(kink.Function.Row.Kinks, Does.Contain((double)kink.At));
        Assert.That(kink.Function.Derivative(kink.Function.Saved == SavedOperand.Output ? kink.Function.Value(kink.At) : kink.At),
            Is.EqualTo((double)kink.Expected));
        Assert.That(Differentiate(kink.Function, [kink.At, 1, kink.At]),
            Is.EqualTo(new[] { kink.Expected, Differentiate(kink.Function, [1])[0], kink.Expected }));
        Assert.That(Differentiate(kink.Function, [.. Enumerable.Repeat(kink.At, 40)]), Is.All.EqualTo(kink.Expected));
    }

    [Test]
    public void Every_kink_is_tried()
    {
        IEnumerable<Type> withKink = OpTable.ElementwiseRows
            .Select(row => (Elementwise)new OpCase(row, 1, 1).Result.Op)
            .Where(function => function.Row.Kinks.Length > 0)
            .Select(function => function.GetType());
        Assert.That(Kinks.Select(kink => kink.Function.GetType()).Distinct(), Is.EquivalentTo(withKink.Distinct()));
    }

    [Test]
    public void Relu_of_negative_zero_keeps_the_sign() => Assert.That(float.IsNegative(Evaluate(new Relu(), [-0f])[0]), Is.True);

    [TestCase(2f, 3f, 0f, 1f)]
    [TestCase(3f, 2f, 1f, 0f)]
    [TestCase(2f, 2f, 1f, 0f)]
    [TestCase(0f, -0f, 1f, 0f)]
    public void The_larger_of_two_takes_the_gradient_and_at_a_tie_the_first(float a, float b, float da, float db)
    {
        Assert.That(Route((x, y) => x.Maximum(y), a, b), Is.EqualTo((da, db)));
        Assert.That(Route((x, y) => x.Minimum(y), -a, -b), Is.EqualTo((da, db)));
    }

    [Test]
    public void The_maximum_routes_the_gradient_at_a_tie_to_the_first()
    {
        var graph = new Graph();
        Node x = graph.Input("x", [2, 4]);
        Node g = graph.Gradient(x.Max(1).Sum(), x)[0];
        using Plan plan = graph.Compile([g]);
        plan.Bind(x, [1f, 3, 3, 2, 5, 5, 5, 5]).Run();
        Assert.That(plan[g].ToArray(), Is.EqualTo(new float[] { 0, 1, 0, 0, 1, 0, 0, 0 }));
    }

    [TestCaseSource(typeof(OpTable), nameof(OpTable.BinaryRows))]
    public void Binary_values_of_special_arguments_are_those_of_the_reference_rounded(object source)
    {
        var op = (Binary)new OpCase((OpRow)source, 1, 1).Result.Op;
        float[] a = [.. Special.SelectMany(x => Special.Select(_ => x))], b = [.. Special.SelectMany(_ => Special)];
        var graph = new Graph();
        Node left = graph.Input("a", [a.Length]), right = graph.Input("b", [a.Length]), y = graph.Add(op, left, right);
        using Plan plan = graph.Compile([y]);
        plan.Bind(left, new PinnedBuffer(a)).Bind(right, new PinnedBuffer(b)).Run();
        float[] actual = plan[y].ToArray();
        Assert.Multiple(() =>
        {
            for (int i = 0; i < a.Length; i++)
            {
                AssertSame(actual[i], op.Value(a[i], b[i]), $"{op.Name}({a[i]}, {b[i]})");
            }
        });
    }

    private static bool IsWave(Elementwise function) => function.Row == Functions.Sin || function.Row == Functions.Cos;

    // Whose derivative is chosen by comparisons, or a constant.
    private static bool IgnoresNaN(Elementwise function) =>
        function.Row.Kinks.Length > 0 || (function.Row == Functions.Power && function.Parameter is 0 or 1);

    private static (float A, float B) Route(Func<Node, Node, Node> op, float a, float b)
    {
        var graph = new Graph();
        Node x = graph.Input("x"), y = graph.Input("y");
        Node[] d = graph.Gradient(op(x, y), x, y);
        using Plan plan = graph.Compile(d);
        plan.Bind(x, a).Bind(y, b).Run();
        return (plan[d[0]].Item, plan[d[1]].Item);
    }

    private static float[] Evaluate(Elementwise function, float[] values)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [values.Length]), y = x.Apply(function);
        using Plan plan = graph.Compile([y]);
        plan.Bind(x, new PinnedBuffer(values)).Run();
        return plan[y].ToArray();
    }

    private static float[] Differentiate(Elementwise function, float[] values)
    {
        var graph = new Graph();
        Node x = graph.Input("x", [values.Length]);
        Node dx = graph.Gradient(x.Apply(function).Sum(), x)[0];
        using Plan plan = graph.Compile([dx, x]);
        plan.Bind(x, new PinnedBuffer(values)).Run();
        return plan[dx].ToArray();
    }

    // NaN for NaN, the same infinity, and otherwise the same to rounding; what underflows in float32 may be a few subnormals' width off.
    private static void AssertSame(float actual, double expected, string what, double least = 2e-43)
    {
        var single = (float)expected;
        if (float.IsNaN(single))
        {
            Assert.That(actual, Is.NaN, what);
        }
        else if (float.IsInfinity(single))
        {
            Assert.That(actual, Is.EqualTo(single), what);
        }
        else
        {
            Assert.That((double)actual, Is.EqualTo(expected).Within((1e-6 * Math.Abs(expected)) + least), what);
        }
    }
}
