using NativeBackprop.IO;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Tests.Layers;
using NativeBackprop.Training;
using NUnit.Framework;

namespace NativeBackprop.Tests.IO;

/// <summary>Weights and checkpoints of layers of any kind.</summary>
internal sealed class LayerFileTests : TensorFileTests
{
    private static readonly Dictionary<string, string> _settings = new() { ["seed"] = "1" };

    [Test]
    public void A_shared_parameter_is_written_under_each_name_and_buffers_as_they_are_kept()
    {
        Sequential model = Shared();
        model.Initialize(1);
        model.Buffers[0].Set([41]);
        WeightsFile.Save(FilePath, model);
        SafetensorsFile file = SafetensorsFile.Read(FilePath);
        Assert.That(file.Tensors.Select(tensor => tensor.ToString()), Is.EquivalentTo(new[]
        {
            "0.linear.weight F32 [2, 2]", "0.linear.bias F32 [2]", "0.count I64 []",
            "1.linear.weight F32 [2, 2]", "1.linear.bias F32 [2]", "1.count I64 []", "2.weight F32 [1, 2]", "2.bias F32 [1]",
        }));
        Assert.That(file.GetInt64("1.count").ToArray(), Is.EqualTo(new long[] { 41 }));

        Sequential loaded = Shared();
        WeightsFile.Load(FilePath, loaded);
        Assert.That(Values(loaded), Is.EqualTo(Values(model)));
        Assert.That(loaded.IsInitialized);
    }

    [Test]
    public void A_shared_parameter_is_read_under_any_of_its_names()
    {
        Sequential model = Shared(), loaded = Shared();
        model.Initialize(1);
        WeightsFile.Save(FilePath, model);
        SafetensorsFile file = SafetensorsFile.Read(FilePath);
        SafetensorsFile.Write(FilePath, file.Tensors.Where(tensor => !tensor.Name.StartsWith("0.", StringComparison.Ordinal)));
        WeightsFile.Load(FilePath, loaded);
        Assert.That(Values(loaded), Is.EqualTo(Values(model)));
    }

    [Test]
    public void Different_values_under_two_names_are_an_error_that_changes_nothing()
    {
        Sequential model = Shared();
        model.Initialize(1);
        float[] before = Values(model);
        WeightsFile.Save(FilePath, model);
        Rewrite("1.linear.bias", SafetensorsTensor.Create("1.linear.bias", [2], [5f, 6f]));
        Assert.That(() => WeightsFile.Load(FilePath, model), Throws.TypeOf<DataException>()
            .With.Message.Contains("1.linear.bias has other values than 0.linear.bias, which is the same parameter"));
        Assert.That(Values(model), Is.EqualTo(before));
    }

    [TestCase(-1L, "1.count: element 0 is -1")]
    [TestCase((1L << 24) + 1, "1.count: element 0 is 16777217")]
    public void A_count_that_float32_cannot_hold_is_an_error(long count, string expected)
    {
        Sequential model = Shared();
        model.Initialize(1);
        WeightsFile.Save(FilePath, model);
        Rewrite("1.count", SafetensorsTensor.Create("1.count", [], [count]));
        Assert.That(() => WeightsFile.Load(FilePath, model), Throws.TypeOf<DataException>().With.Message.Contains(expected));
    }

    [Test]
    public void The_same_values_give_the_same_bytes()
    {
        Sequential model = Shared(), copy;
        model.Initialize(1);
        copy = (Sequential)model.Clone();
        string again = Folder.File("again");
        WeightsFile.Save(FilePath, model);
        WeightsFile.Save(again, copy);
        Assert.That(File.ReadAllBytes(again), Is.EqualTo(File.ReadAllBytes(FilePath)));
        CheckpointFile.Save(FilePath, model, new ParameterSet([]), 3, new Dictionary<string, string> { ["a"] = "1", ["b"] = "2" });
        CheckpointFile.Save(again, copy, new ParameterSet([]), 3, new Dictionary<string, string> { ["b"] = "2", ["a"] = "1" });
        Assert.That(File.ReadAllBytes(again), Is.EqualTo(File.ReadAllBytes(FilePath)));
    }

    [Test]
    public void A_layer_without_values_is_not_saved()
    {
        Assert.That(() => WeightsFile.Save(FilePath, Shared()), Throws.InvalidOperationException);
        Assert.That(File.Exists(FilePath), Is.False);
    }

    [Test]
    public void A_run_taken_up_from_a_checkpoint_goes_on_as_if_it_had_never_stopped()
    {
        Sequential model = Network();
        using Trainer trainer = Prepared(model);
        Step(trainer, 3);
        CheckpointFile.Save(FilePath, model, trainer.State, trainer.Steps, _settings);
        Step(trainer, 2);

        Sequential resumed = Network();
        using Trainer other = Prepared(resumed);
        (other.Steps, string? notice) = CheckpointFile.Load(FilePath, resumed, other.State, _settings);
        Assert.That((other.Steps, notice), Is.EqualTo((3L, (string?)null)));
        Step(other, 2);
        Assert.That(Values(resumed), Is.EqualTo(Values(model)), "weights, moments and masks");
    }

    [Test]
    public void A_checkpoint_that_does_not_fit_changes_nothing()
    {
        Sequential model = Network();
        using Trainer trainer = Prepared(model);
        Step(trainer, 1);
        CheckpointFile.Save(FilePath, model, trainer.State, trainer.Steps, _settings);
        Step(trainer, 1);
        float[] before = [.. Values(model), .. trainer.State.SelectMany(state => state.Value.ToArray())];
        Assert.That(() => CheckpointFile.Load(FilePath, model, trainer.State, new Dictionary<string, string> { ["seed"] = "2" }),
            Throws.TypeOf<DataException>().With.Message.Contains("expected seed 2, found 1"));
        Rewrite("context.runs", SafetensorsTensor.Create("context.runs", [2], [1f, float.NaN]));
        Assert.That(() => CheckpointFile.Load(FilePath, model, trainer.State, _settings),
            Throws.TypeOf<DataException>().With.Message.Contains("context.runs"));
        RewriteMetadata("format_version", "3");
        Assert.That(() => CheckpointFile.Load(FilePath, model, trainer.State, _settings),
            Throws.TypeOf<DataException>().With.Message.Contains("found version 3"));
        Assert.That((float[])[.. Values(model), .. trainer.State.SelectMany(state => state.Value.ToArray())], Is.EqualTo(before));
    }

    [TestCase("format")]
    [TestCase("format_version")]
    [TestCase("steps")]
    public void Settings_cannot_take_the_names_that_the_file_needs(string name)
    {
        var settings = new Dictionary<string, string> { [name] = "1" };
        Assert.That(() => CheckpointFile.Save(FilePath, Shared(), new ParameterSet([]), 0, settings), Throws.TypeOf<OptionException>());
        Assert.That(() => CheckpointFile.Load(FilePath, Shared(), new ParameterSet([]), settings), Throws.TypeOf<OptionException>());
        Assert.That(() => CheckpointFile.Save(FilePath, Shared(), new ParameterSet([]), -1, _settings), Throws.TypeOf<OptionException>());
    }

    [Test]
    public void A_checkpoint_of_the_first_edition_loads_and_says_that_its_masks_start_anew()
    {
        string first = Fixture("first-edition-checkpoint.safetensors");
        var settings = new Dictionary<string, string> { ["seed"] = "0", ["optimizer"] = "adam" };
        Sequential model = First();
        using var trainer = new Trainer(model, new SoftmaxCrossEntropy(), new Adam());
        trainer.Prepare(64);
        (long steps, string? notice) = CheckpointFile.Load(first, model, trainer.State, settings);
        Assert.That(steps, Is.EqualTo(50));
        Assert.That(notice, Does.Contain("first edition").And.Contain("dropout").And.Contain("anew"));
        SafetensorsFile file = SafetensorsFile.Read(first);
        Assert.That(model.Parameters["3.bias"].Value.ToArray(), Is.EqualTo(file["model.3.bias"].ToSingle()));
        const string moment = "optimizer.0.bias.first_moment";
        Assert.That(trainer.State[moment].Value.ToArray(), Is.EqualTo(file[moment].ToSingle()));
        Assert.That(trainer.State["optimizer.0.bias.step"].Value.ToArray(), Is.EqualTo(new[] { 50f }));
        Assert.That(trainer.State["context.runs"].Value.ToArray(), Is.EqualTo(new float[] { 0, 0 }));

        Dictionary<string, string> metadata = new(file.Metadata);
        SafetensorsFile.Write(FilePath, file.Tensors.Where(tensor => !tensor.Name.EndsWith("stream", StringComparison.Ordinal)), metadata);
        Assert.That(CheckpointFile.Load(FilePath, model, trainer.State, settings).Notice, Is.Null, "without masks nothing starts anew");
    }

    [Test]
    public void Weights_of_the_first_edition_load_as_they_did()
    {
        Sequential model = First();
        WeightsFile.Load(Fixture("first-edition-weights.safetensors"), model);
        SafetensorsFile checkpoint = SafetensorsFile.Read(Fixture("first-edition-checkpoint.safetensors"));
        Assert.That(model.Parameters["0.bias"].Value.ToArray(), Is.EqualTo(checkpoint["model.0.bias"].ToSingle()));
        WeightsFile.Save(FilePath, model);
        byte[] first = File.ReadAllBytes(Fixture("first-edition-weights.safetensors"));
        Assert.That(File.ReadAllBytes(FilePath), Is.EqualTo(first), "and are saved as they were");
    }

    private static string Fixture(string name) => Repository.PathOf("tests", "NativeBackprop.Tests", "IO", "Fixtures", name);

    private static Sequential First() => new(new Linear(64, 4), new Relu(), new Dropout(0.2f), new Linear(4, 10));

    private static Sequential Network() => new(new ResidualBlock(2), new Dropout(0.25f), new Linear(2, 1));

    private static Sequential Shared()
    {
        var block = new ResidualBlock(2);
        return new Sequential(block, block, new Linear(2, 1));
    }

    private static Trainer Prepared(Layer model)
    {
        var trainer = new Trainer(model, new MeanSquaredError(), new Adam(0.05f), new TrainerOptions { Seed = 4 });
        trainer.Prepare(2);
        return trainer;
    }

    private static void Step(Trainer trainer, int steps)
    {
        for (int i = 0; i < steps; i++)
        {
            trainer.Step([1, -0.5f, 0.25f, 2], [1f, -1]);
        }
    }

    private static float[] Values(Layer model) =>
        [.. model.Parameters.Concat(model.Buffers).SelectMany(parameter => parameter.Value.ToArray())];
}
