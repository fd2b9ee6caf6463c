using System.Diagnostics;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NUnit.Framework;

namespace NativeBackprop.Tests.Differentiation;

/// <summary>What second-order methods refuse, and what they leave behind when they fail.</summary>
[TestFixture]
internal sealed class SecondOrderUseTests
{
    [Test]
    public void A_Newton_step_that_throws_leaves_the_parameters_where_they_were()
    {
        (Node loss, Parameter w) = LeavesTheDomain();
        using var newton = new NewtonCg(loss, [w]);
        Assert.That(
            () => newton.Step(damping: 0), Throws.TypeOf<GraphException>().With.Message.Contains("log"),
            "3 − 6 is no place for a logarithm");
        Assert.That(w.Value.ToArray(), Is.EqualTo(new[] { 3f }));
    }

    [Test]
    public void A_Newton_step_does_not_move_frozen_parameters()
    {
        (Node loss, Parameter w) = LeavesTheDomain();
        using var newton = new NewtonCg(loss, [w]);
        w.Set([0.5f]);
        w.Freeze();
        Assert.That(() => newton.Step(), Throws.InvalidOperationException.With.Message.Contains("frozen"));
        Assert.That(w.Value[0], Is.EqualTo(0.5f));
        w.Thaw();
        newton.Step();
        Assert.That(w.Value[0], Is.Not.EqualTo(0.5f));
    }

    [Test]
    public void A_second_thread_in_a_Newton_solver_is_refused()
    {
        (Node loss, Parameter w) = LeavesTheDomain();
        w.Set([0.9f]);
        Node x = loss.Graph.Input("x", [1]);
        using var newton = new NewtonCg(loss + (x * 0).Sum(), [w]);
        newton.Bind(x, [1]);
        RefusesASecondThread(() => newton.Step(), () => newton.Bind(x, [1]), "Newton solver");
    }

    [Test]
    public void A_second_thread_in_a_Hessian_operator_is_refused_and_both_get_their_own_products()
    {
        const int size = 20_000;
        var graph = new Graph();
        Node w = graph.Variable("w", [size], new float[size]);
        using var hessian = new HessianOperator(w.Square().Sum(), [w]);
        double[] ones = new double[size], threes = new double[size], first = new double[size], second = new double[size];
        Array.Fill(ones, 1);
        Array.Fill(threes, 3);
        RefusesASecondThread(() => Apply(ones, first, 2), () => Apply(threes, second, 6), "Hessian operator");

        void Apply(double[] vector, double[] product, double expected)
        {
            hessian.Apply(vector, product);
            Assert.That(Array.FindIndex(product, value => value != expected), Is.EqualTo(-1));
        }
    }

    // w − log w at 3, from where Newton's full step goes to −3.
    private static (Node Loss, Parameter W) LeavesTheDomain()
    {
        var graph = new Graph();
        Node w = graph.Variable("w", [1], 3);
        return ((w - w.Log()).Sum(), ((Variable)w.Op).Parameter);
    }

    // Both threads call until each has got through a few times and one of them was refused.
    private static void RefusesASecondThread(Action one, Action other, string name)
    {
        int refused = 0, through = 0;
        var watch = Stopwatch.StartNew();
        Parallel.Invoke(() => Repeat(one), () => Repeat(other));
        Assert.That(refused, Is.GreaterThan(0));
        Assert.That(through, Is.GreaterThan(0));

        void Repeat(Action call)
        {
            while (watch.Elapsed < TimeSpan.FromSeconds(20) && (Volatile.Read(ref refused) < 20 || Volatile.Read(ref through) < 20))
            {
                try
                {
                    call();
                    Interlocked.Increment(ref through);
                }
                catch (InvalidOperationException error)
                {
                    Assert.That(error.Message, Does.Contain($"the {name} is in use"));
                    Interlocked.Increment(ref refused);
                }
            }
        }
    }
}
