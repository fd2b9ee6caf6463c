using NativeBackprop.IO;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Tests.IO;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Training;

/// <summary>Checkpoints of runs with frozen and thawed parameters: the resumed run goes on bit for bit like the unbroken one.</summary>
[TestFixture]
internal sealed class FrozenCheckpointTests : TensorFileTests
{
    private static readonly float[] _x = [0.5f, -1, 2, 0.25f], _t = [1, -1];
    private static readonly Dictionary<string, string> _settings = [];

    // F freezes the base, T thaws it, digits are steps; the part behind the bar is what both runs do after the checkpoint.
    [TestCase("2F3", "F", "2", "adam")]
    [TestCase("2F3", "F", "2T2", "adam")]
    [TestCase("2F3", "", "F2T2", "adam")]
    [TestCase("F2T3", "", "2", "adam")]
    [TestCase("F2T3", "F", "T2F2", "adam")]
    [TestCase("F3", "", "T2", "adam")]
    [TestCase("F3", "F", "2T2", "adam")]
    [TestCase("2F2T2", "", "2F1T1", "adam")]
    [TestCase("2F3", "F", "2T2", "momentum")]
    [TestCase("F2T3", "", "2", "momentum")]
    [TestCase("F3", "", "T2", "momentum")]
    [TestCase("F3", "", "T2", "adagrad")]
    public void Resumed_run_goes_on_bit_for_bit_whatever_was_frozen(string before, string beforeLoading, string after, string optimizer)
    {
        using var unbroken = new Run(Make(optimizer));
        unbroken.Do(before);
        unbroken.Save(FilePath);
        unbroken.Do(after);

        using var resumed = new Run(Make(optimizer));
        resumed.Do(beforeLoading);
        resumed.Load(FilePath);
        resumed.Do(after);
        Assert.That(resumed.Values, Is.EqualTo(unbroken.Values));
        Assert.That(
            resumed.State.Where(entry => entry.Value.Any(value => value != 0)),
            Is.EqualTo(unbroken.State.Where(entry => entry.Value.Any(value => value != 0))));
    }

    [TestCase("2")]
    [TestCase("F2T2")]
    [TestCase("F2")]
    public void A_run_that_goes_back_to_its_own_checkpoint_forgets_what_came_later(string later)
    {
        using var straight = new Run(new Adam(0.05f));
        using var returned = new Run(new Adam(0.05f));
        straight.Do("2F1");
        returned.Do("2F1");
        returned.Save(FilePath);
        returned.Do(later);
        returned.Load(FilePath);
        straight.Do("F2T2");
        returned.Do("F2T2");
        Assert.That(returned.Values, Is.EqualTo(straight.Values));
    }

    [Test]
    public void A_state_that_is_loaded_between_backward_and_update_counts_from_there()
    {
        using var run = new Run(new Adam(0.05f));
        run.Do("3");
        run.Save(FilePath);
        run.Trainer.Forward(_x, _t);
        run.Trainer.Backward();
        run.Load(FilePath);
        run.Trainer.Update();
        Assert.That(run.Trainer.State["optimizer.0.weight.step"].Value[0], Is.EqualTo(4));
    }

    [Test]
    public void A_file_with_half_the_state_of_a_parameter_is_refused_and_nothing_changes()
    {
        using var run = new Run(new Adam(0.05f));
        run.Do("2");
        run.Save(FilePath);
        Rewrite("optimizer.0.weight.first_moment");
        run.Do("F1T1");
        float[] before = run.Values;
        Assert.That(() => run.Load(FilePath),
            Throws.TypeOf<DataException>().With.Message.Contains("optimizer.0.weight.first_moment is missing"));
        Assert.That(run.Values, Is.EqualTo(before));
        Assert.That(run.Trainer.State["optimizer.0.weight.step"].Value[0], Is.EqualTo(3));
        Assert.That(run.Trainer.State["optimizer.2.weight.step"].Value[0], Is.EqualTo(4));
    }

    [Test]
    public void A_checkpoint_of_another_optimizer_is_refused()
    {
        using var adam = new Run(new Adam(0.05f));
        adam.Do("1");
        adam.Save(FilePath);
        using var momentum = new Run(new Sgd(0.1f, momentum: 0.9f));
        Assert.That(() => momentum.Load(FilePath), Throws.TypeOf<DataException>().With.Message.Contains("velocity is missing"));
    }

    [TestCase("optimizer.0.weight.step", -1)]
    [TestCase("optimizer.0.weight.step", 0.5f)]
    [TestCase("optimizer.0.weight.step", 1e9f)]
    [TestCase("context.runs", -1)]
    [TestCase("context.runs", 0.5f)]
    public void A_count_that_is_none_is_refused_and_nothing_changes(string name, float value)
    {
        using var run = new Run(new Adam(0.05f));
        run.Do("2");
        run.Save(FilePath);
        run.Do("1");
        float[] before = run.Values;
        float[] values = new float[run.Trainer.State[name].Shape.Length];
        values[0] = value;
        Rewrite(name, SafetensorsTensor.Create(name, [values.Length], values));
        Assert.That(() => run.Load(FilePath), Throws.TypeOf<DataException>().With.Message.Contains($"{name}: element 0 is"));
        Assert.That(run.Values, Is.EqualTo(before));
    }

    [Test]
    public void More_steps_than_a_trainer_can_count_are_refused_before_anything_changes()
    {
        using var run = new Run(new Adam(0.05f));
        run.Do("2");
        const long most = 1L << 53;
        Assert.That(
            () => CheckpointFile.Save(FilePath, run.Model, run.Trainer.State, most + 1, _settings), Throws.TypeOf<OptionException>());
        CheckpointFile.Save(FilePath, run.Model, run.Trainer.State, most, _settings);
        RewriteMetadata("steps", $"{most + 1}");
        run.Do("1");
        float[] before = run.Values;
        Assert.That(() => run.Load(FilePath), Throws.TypeOf<DataException>().With.Message.Contains($"found {most + 1}"));
        Assert.That(run.Values, Is.EqualTo(before));
    }

    private static Optimizer Make(string name) => name switch
    {
        "adam" => new Adam(0.05f),
        "momentum" => new Sgd(0.05f, momentum: 0.9f),
        _ => new AdaGrad(0.05f),
    };

    /// <summary>A model of a base and a head, and its trainer.</summary>
    private sealed class Run : IDisposable
    {
        private readonly Linear _base = new(2, 3);

        public Run(Optimizer optimizer)
        {
            Model = new Sequential(_base, new Tanh(), new Linear(3, 1));
            Trainer = new Trainer(Model, new MeanSquaredError(), optimizer, new TrainerOptions { Seed = 3, Threads = 1 });
        }

        public Sequential Model { get; }

        public Trainer Trainer { get; }

        public float[] Values => [.. Model.Parameters.SelectMany(parameter => parameter.Value.ToArray())];

        public IEnumerable<(string Name, float[] Value)> State =>
            Trainer.State.Entries.Select(entry => (entry.Name, entry.Parameter.Value.ToArray())).OrderBy(entry => entry.Name);

        public void Do(string acts)
        {
            foreach (char act in acts)
            {
                switch (act)
                {
                    case 'F':
                        _base.Freeze();
                        break;
                    case 'T':
                        _base.Thaw();
                        break;
                    default:
                        for (int i = '0'; i < act; i++)
                        {
                            Trainer.Step(_x, _t);
                        }

                        break;
                }
            }
        }

        public void Save(string path) => CheckpointFile.Save(path, Model, Trainer.State, Trainer.Steps, _settings);

        public void Load(string path)
        {
            Trainer.Prepare(2);
            (Trainer.Steps, _) = CheckpointFile.Load(path, Model, Trainer.State, _settings);
        }

        public void Dispose() => Trainer.Dispose();
    }
}
