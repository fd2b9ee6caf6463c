using System.Diagnostics;
using System.Runtime.CompilerServices;
using NativeBackprop.Data;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Training;

/// <summary>Who may use a trainer when, and what is left of it afterwards.</summary>
[TestFixture]
[NonParallelizable]
internal sealed class TrainerLifetimeTests
{
    private const int Width = 64;

    private static readonly Dataset _data = Dataset.FromTargets(
        "rows", [.. Enumerable.Range(0, 40).Select(i => MathF.Cos(i))], 2, [.. Enumerable.Range(0, 20).Select(i => MathF.Sin(i))], 1);

    [Test]
    public void A_thousand_trainers_that_are_forgotten_leave_neither_threads_nor_memory()
    {
        Forget(20, 0);
        (int threads, long bytes) = Settle(int.MaxValue, long.MaxValue);
        Forget(1000, 20);
        (int threadsAfter, long bytesAfter) = Settle(threads, bytes + (1 << 20));
        Assert.That(threadsAfter, Is.LessThanOrEqualTo(threads + 2), "threads");
        Assert.That(bytesAfter, Is.LessThanOrEqualTo(bytes + (1 << 20)), "bytes");
    }

    [Test]
    public void A_disposed_trainer_throws_and_is_disposed_of_once()
    {
        var trainer = Small(out Sequential model);
        trainer.Step([1, 2], [3]);
        trainer.Dispose();
        trainer.Dispose();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => trainer.Step([1, 2], [3f]), Throws.TypeOf<ObjectDisposedException>());
            Assert.That(() => trainer.Forward([1, 2], [3f]), Throws.TypeOf<ObjectDisposedException>());
            Assert.That(() => trainer.Backward(), Throws.TypeOf<ObjectDisposedException>());
            Assert.That(trainer.Update, Throws.TypeOf<ObjectDisposedException>());
            Assert.That(() => trainer.Output, Throws.TypeOf<ObjectDisposedException>());
            Assert.That(() => trainer.Gradient(model.Parameters[0]).Length, Throws.TypeOf<ObjectDisposedException>());
            Assert.That(() => trainer.Fit(_data, null, 1), Throws.TypeOf<ObjectDisposedException>());
            Assert.That(() => trainer.Evaluate(_data), Throws.TypeOf<ObjectDisposedException>());
            Assert.That(() => trainer.Prepare(2), Throws.TypeOf<ObjectDisposedException>());
        }
    }

    [Test]
    public void Two_threads_on_one_trainer_are_told_so()
    {
        using Trainer trainer = Small(out _);
        using var inside = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        Task fit = Task.Factory.StartNew(
            () => trainer.Fit(
                _data, null, new FitOptions { Steps = 3, StepProgress = new Listener<long>(_ => { inside.Set(); go.Wait(); }) }),
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        inside.Wait();
        Assert.That(() => trainer.Step([1, 2], [3f]), Throws.InvalidOperationException.With.Message.Contains("Fit runs on another thread"));
        Assert.That(() => trainer.Fit(_data, null, 1), Throws.InvalidOperationException);
        go.Set();
        Assert.That(fit.Wait(20_000));
        Assert.That(trainer.Steps, Is.EqualTo(3));
    }

    [Test]
    public void Progress_may_use_the_trainer_between_two_steps()
    {
        using Trainer trainer = Small(out _);
        var losses = new List<double>();
        Exception? second = null;
        trainer.Fit(_data, null, 2, new Listener<EpochReport>(_ =>
        {
            losses.Add(trainer.Evaluate(_data).Loss);
            second = Assert.Catch(() => trainer.Fit(_data, null, 1));
        }));
        Assert.That(losses, Has.Count.EqualTo(2));
        Assert.That(second, Is.TypeOf<InvalidOperationException>().With.Message.Contains("Fit is running"));
    }

    [Test]
    public void What_progress_throws_comes_out_as_the_inner_exception_and_the_trainer_goes_on()
    {
        using Trainer trainer = Small(out _);
        Assert.That(
            () => trainer.Fit(_data, null, 1, new Listener<EpochReport>(_ => throw new FormatException("no"))),
            Throws.TypeOf<GraphException>().With.InnerException.TypeOf<FormatException>());
        long steps = trainer.Steps;
        trainer.Step([1, 2], [3]);
        Assert.That(trainer.Steps, Is.EqualTo(steps + 1));
    }

    [Test]
    public void A_trainer_disposed_of_by_progress_ends_the_run()
    {
        Trainer trainer = Small(out _);
        Assert.That(
            () => trainer.Fit(_data, null, 2, new Listener<EpochReport>(_ => trainer.Dispose())), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void A_run_that_diverges_says_at_which_step()
    {
        using var trainer = new Trainer(
            new Sequential(new Linear(2, 1)), new MeanSquaredError(), new Sgd(1e30f), new TrainerOptions { BatchSize = 4 });
        NonFiniteException error = Assert.Throws<NonFiniteException>(() => trainer.Fit(_data, null, 3));
        Assert.That(error.Step, Is.EqualTo(trainer.Steps + 1));
    }

    [Test]
    public void A_fit_says_what_it_came_to()
    {
        using Trainer trainer = Small(out _);
        FitResult result = trainer.Fit(_data, _data, 2);
        Assert.That(result.ToString(), Does.StartWith("2 epochs, 10 steps").And.Contain("train loss ").And.Contain("test loss "));
        using var stopped = new CancellationTokenSource();
        stopped.Cancel();
        Assert.That(
            trainer.Fit(_data, null, 2, cancellationToken: stopped.Token).ToString(),
            Is.EqualTo("0 epochs, 0 steps, stopped before the end"));
    }

    [Test]
    public void Step_that_was_refused_leaves_what_was_under_way()
    {
        using Trainer trainer = Small(out Sequential model);
        trainer.Forward([1, 2], [3f]);
        Assert.That(() => trainer.Step([1, float.NaN], [3f]), Throws.TypeOf<DataException>());
        Assert.That(() => trainer.Step([1, 2, 3], [3f]), Throws.TypeOf<ShapeException>());
        Assert.That(() => trainer.Step([1, 2], []), Throws.TypeOf<DataException>());
        Assert.That(() => trainer.Backward(), Throws.Nothing);
        Assert.That(trainer.Gradient(model.Parameters[0]).Length, Is.EqualTo(2));
    }

    [Test]
    public void A_first_step_that_was_refused_settles_nothing()
    {
        var model = new Sequential(new Relu());
        using var trainer = new Trainer(model, new MeanSquaredError(), new Sgd(1));
        Assert.That(() => trainer.Step([1, 2, 3, 4], [3, 2]), Throws.TypeOf<ShapeException>(), "one row of two numbers");
        Assert.That(trainer.Forward([2, 3], [2, 1]), Is.EqualTo(2), "two rows of one number");
    }

    private static Trainer Small(out Sequential model)
    {
        model = new Sequential(new Linear(2, 1));
        return new Trainer(model, new MeanSquaredError(), new Sgd(0.01f), new TrainerOptions { BatchSize = 4 });
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Forget(int count, int seed)
    {
        float[] x = new float[12 * Width], t = new float[12 * Width];
        for (int i = 0; i < count; i++)
        {
            var model = new Sequential(new Linear(Width, Width), new Tanh(), new Linear(Width, Width));
            var trainer = new Trainer(model, new MeanSquaredError(), new Adam(), new TrainerOptions { Seed = (ulong)(seed + i) });
            for (int rows = 10; rows <= 12; rows++)
            {
                trainer.Step(x.AsSpan(0, rows * Width), t.AsSpan(0, rows * Width));
            }
        }
    }

    // Threads end and memory is collected when they get round to it: what counts is that they do.
    private static (int Threads, long Bytes) Settle(int threads, long bytes)
    {
        (int Threads, long Bytes) now = (int.MaxValue, long.MaxValue);
        for (int attempt = 0; attempt < 200 && (attempt < 5 || now.Threads > threads || now.Bytes > bytes); attempt++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            Thread.Sleep(50);
            now = (Process.GetCurrentProcess().Threads.Count, GC.GetTotalMemory(forceFullCollection: true));
        }

        return now;
    }

    private sealed class Listener<T>(Action<T> report) : IProgress<T>
    {
        public void Report(T value) => report(value);
    }
}
