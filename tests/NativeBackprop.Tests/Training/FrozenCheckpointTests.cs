using NativeBackprop.IO;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Tests.Data;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.Training;

/// <summary>Checkpoints of runs with frozen and thawed parameters: the resumed run goes on bit for bit like the unbroken one.</summary>
[TestFixture]
internal sealed class FrozenCheckpointTests
{
    private static readonly float[] _x = [0.5f, -1, 2, 0.25f], _t = [1, -1];
    private static readonly Dictionary<string, string> _settings = [];

    private TemporaryFolder _folder;
    private string _path = "";

    [SetUp]
    public void MakeFolder()
    {
        _folder = new TemporaryFolder();
        _path = _folder.File("run.safetensors");
    }

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

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
        CheckpointFile.Save(_path, unbroken.Model, unbroken.Trainer.State, unbroken.Trainer.Steps, _settings);
        unbroken.Do(after);

        using var resumed = new Run(Make(optimizer));
        resumed.Do(beforeLoading);
        resumed.Load(_path);
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
        CheckpointFile.Save(_path, returned.Model, returned.Trainer.State, returned.Trainer.Steps, _settings);
        returned.Do(later);
        returned.Load(_path);
        straight.Do("F2T2");
        returned.Do("F2T2");
        Assert.That(returned.Values, Is.EqualTo(straight.Values));
    }

    [Test]
    public void A_state_that_is_loaded_between_Backward_and_Update_counts_from_there()
    {
        using var run = new Run(new Adam(0.05f));
        run.Do("3");
        CheckpointFile.Save(_path, run.Model, run.Trainer.State, run.Trainer.Steps, _settings);
        run.Trainer.Forward(_x, _t);
        run.Trainer.Backward();
        run.Load(_path);
        run.Trainer.Update();
        Assert.That(run.Trainer.State["optimizer.0.weight.step"].Value[0], Is.EqualTo(4));
    }

    [Test]
    public void A_file_with_half_the_state_of_a_parameter_is_refused_and_nothing_changes()
    {
        using var run = new Run(new Adam(0.05f));
        run.Do("2");
        CheckpointFile.Save(_path, run.Model, run.Trainer.State, run.Trainer.Steps, _settings);
        SafetensorsFile file = SafetensorsFile.Read(_path);
        SafetensorsFile.Write(
            _path, file.Tensors.Where(tensor => tensor.Name != "optimizer.0.weight.first_moment"), file.Metadata);
        run.Do("F1T1");
        float[] before = run.Values;
        Assert.That(() => run.Load(_path),
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
        CheckpointFile.Save(_path, adam.Model, adam.Trainer.State, adam.Trainer.Steps, _settings);
        using var momentum = new Run(new Sgd(0.1f, momentum: 0.9f));
        Assert.That(() => momentum.Load(_path), Throws.TypeOf<DataException>().With.Message.Contains("velocity is missing"));
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
        CheckpointFile.Save(_path, run.Model, run.Trainer.State, run.Trainer.Steps, _settings);
        run.Do("1");
        float[] before = run.Values;
        SafetensorsFile file = SafetensorsFile.Read(_path);
        float[] values = new float[run.Trainer.State[name].Shape.Length];
        values[0] = value;
        SafetensorsFile.Write(
            _path, [.. file.Tensors.Where(tensor => tensor.Name != name), SafetensorsTensor.Create(name, [values.Length], values)],
            file.Metadata);
        Assert.That(() => run.Load(_path), Throws.TypeOf<DataException>().With.Message.Contains($"{name}: element 0 is"));
        Assert.That(run.Values, Is.EqualTo(before));
    }

    [Test]
    public void More_steps_than_a_trainer_can_count_are_refused_before_anything_changes()
    {
        using var run = new Run(new Adam(0.05f));
        run.Do("2");
        const long most = 1L << 53;
        Assert.That(() => CheckpointFile.Save(_path, run.Model, run.Trainer.State, most + 1, _settings), Throws.TypeOf<OptionException>());
        CheckpointFile.Save(_path, run.Model, run.Trainer.State, most, _settings);
        SafetensorsFile file = SafetensorsFile.Read(_path);
        SafetensorsFile.Write(_path, file.Tensors, new Dictionary<string, string>(file.Metadata) { ["steps"] = $"{most + 1}" });
        run.Do("1");
        float[] before = run.Values;
        Assert.That(() => run.Load(_path), Throws.TypeOf<DataException>().With.Message.Contains($"found {most + 1}"));
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

        public void Load(string path)
        {
            Trainer.Prepare(2);
            (Trainer.Steps, _) = CheckpointFile.Load(path, Model, Trainer.State, _settings);
        }

        public void Dispose() => Trainer.Dispose();
    }
}
