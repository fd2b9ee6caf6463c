using System.Globalization;
using System.Text.Json;
using NativeBackprop.Cli;
using NativeBackprop.Data;
using NativeBackprop.IO;
using NativeBackprop.Layers;
using NativeBackprop.Tests.Data;
using NUnit.Framework;

namespace NativeBackprop.Tests.Cli;

[TestFixture]
internal sealed class TrainCommandTests
{
    private TemporaryFolder _folder;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [Test]
    public void Digits_with_the_defaults_reach_96_percent()
    {
        string log = _folder.File("log.json");
        string output = Nbp.Succeed("train", "digits", "--json", log);
        JsonElement summary = Nbp.ReadLog(log)[^1];
        double accuracy = summary.GetProperty("test_accuracy").GetDouble();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(accuracy, Is.GreaterThanOrEqualTo(0.96));
            Assert.That(output, Does.Contain($"Held-out accuracy: {accuracy.ToString("0.0000", CultureInfo.InvariantCulture)}"));
            Assert.That(
                output,
                Does.Contain(
                    "Seed:              0").And.Contain("OpenBLAS core:").And.Contain("Instruction set:").And.Contain("Samples/s:"));
            Assert.That(output.Split('\n').Count(line => line.StartsWith("epoch ", StringComparison.Ordinal)), Is.EqualTo(30));
            Assert.That(output, Does.Not.Contain('\u001b'));
        }
    }

    [Test]
    public void Log_has_one_object_a_line_with_the_documented_keys()
    {
        string log = _folder.File("log.json");
        Nbp.Succeed("train", "digits", "--epochs", "2", "--hidden", "8", "--seed", "18446744073709551615", "--json", log);
        JsonElement[] lines = Nbp.ReadLog(log);
        Assert.That(lines, Has.Length.EqualTo(3));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                Nbp.Keys(lines[0]),
                Is.EqualTo(new[] { "event", "epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "seconds" }));
            Assert.That(lines.Take(2).Select(line => (line.GetProperty("event").GetString(), line.GetProperty("epoch").GetInt32())),
                Is.EqualTo(new[] { ("epoch", 1), ("epoch", 2) }));
            Assert.That(lines[2].GetProperty("event").GetString(), Is.EqualTo("summary"));
            Assert.That(Nbp.Keys(lines[2]), Is.SupersetOf(new[] { "test_accuracy", "samples_per_second", "isa", "blas_core", "seed" }));
            Assert.That(lines[2].GetProperty("seed").GetUInt64(), Is.EqualTo(ulong.MaxValue));
            Assert.That(lines[2].GetProperty("test_loss").GetDouble(), Is.EqualTo(lines[1].GetProperty("test_loss").GetDouble()));
            Assert.That(lines[2].GetProperty("steps").GetInt32(), Is.EqualTo(2 * 45));
        }
    }

    [Test]
    public void Log_of_a_regression_without_held_out_rows_has_neither_accuracies_nor_test_values()
    {
        string log = _folder.File("log.json"), data = _folder.Write("a.csv", "1,2\n2,4\n3,6\n");
        Nbp.Succeed("train", data, "--regression", "--test-split", "0", "--epochs", "1", "--json", log);
        JsonElement[] lines = Nbp.ReadLog(log);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Nbp.Keys(lines[0]), Is.EqualTo(new[] { "event", "epoch", "train_loss", "seconds" }));
            Assert.That(Nbp.Keys(lines[1]), Does.Not.Contain("test_accuracy").And.Not.Contain("train_accuracy"));
        }
    }

    [Test]
    public void Same_seed_gives_the_same_losses_to_the_last_bit_and_another_seed_others()
    {
        double[] Losses(string seed)
        {
            string log = _folder.File("log.json");
            Nbp.Succeed("train", "digits", "--epochs", "3", "--hidden", "16", "--seed", seed, "--json", log);
            return [
                .. Nbp.ReadLog(log).SelectMany(
                    line => new[] { line.GetProperty("train_loss").GetDouble(), line.GetProperty("test_loss").GetDouble() })];
        }

        double[] first = Losses("1");
        Assert.That(Losses("1"), Is.EqualTo(first));
        Assert.That(Losses("2"), Is.Not.EqualTo(first));
    }

    [Test]
    public void Steps_run_on_past_the_end_of_an_epoch_in_file_order()
    {
        // Three rows in batches of two: rows 01, 2, 01, 2, 01. W − η dW of a single weight without bias is followed by hand.
        string data = _folder.File("batch.safetensors"), weights = _folder.File("w.safetensors"), saved = _folder.File("saved.safetensors");
        string model = _folder.Write("m.json", """{"input":[1],"layers":[{"type":"linear","units":1,"bias":false}],"loss":"mse"}""");
        double[] x = [1, 2, 3], y = [3, 2, 1];
        SafetensorsFile.Write(data, [
            SafetensorsTensor.Create("x", [3, 1], Array.ConvertAll(x, value => (float)value)),
            SafetensorsTensor.Create("y", [3, 1], Array.ConvertAll(y, value => (float)value))]);
        SafetensorsFile.Write(weights, [SafetensorsTensor.Create("0.weight", [1, 1], [0.5f])]);
        Nbp.Succeed("train", data, "--model", model, "--weights", weights, "--save", saved, "--steps", "5", "--batch-size", "2",
            "--no-shuffle", "--test-split", "0", "--optimizer", "sgd", "--lr", "0.01");
        double w = 0.5;
        int[][] batches = [[0, 1], [2], [0, 1], [2], [0, 1]];
        foreach (int[] batch in batches)
        {
            w -= 0.01 * batch.Average(row => 2 * x[row] * ((w * x[row]) - y[row]));
        }

        Assert.That(SafetensorsFile.Read(saved)["0.weight"].AsSingle()[0], Is.EqualTo(w).Within(1e-6));
    }

    [Test]
    public void Rows_held_out_are_the_last_ones_without_shuffling_and_drawn_ones_with_it()
    {
        // Inputs that say nothing, one class after the other: in file order, what is held out is all of the class never trained on.
        string data = _folder.Write("a.csv", string.Concat(Enumerable.Range(0, 40).Select(i => i < 20 ? "1,0\n" : "1,1\n")));
        double Accuracy(params string[] order)
        {
            string log = _folder.File("log.json");
            string[] options = ["--test-split", "0.5", "--epochs", "60", "--batch-size", "4", "--hidden", "none", "--lr", "0.05"];
            Nbp.Succeed(["train", data, .. options, "--json", log, .. order]);
            return Nbp.ReadLog(log)[^1].GetProperty("test_accuracy").GetDouble();
        }

        Assert.That(Accuracy("--no-shuffle"), Is.Zero);
        Assert.That(Accuracy(), Is.GreaterThan(0));
    }

    [Test]
    public void Probabilities_are_targets_of_the_softmax_cross_entropy_too()
    {
        string log = _folder.File("log.json"), data = _folder.File("b.safetensors");
        string model = _folder.Write("m.json", """{"input":[2],"layers":[{"type":"linear","units":2}],"loss":"softmax_cross_entropy"}""");
        SafetensorsFile.Write(data, [
            SafetensorsTensor.Create("x", [2, 2], [1f, 0f, 0f, 1f]), SafetensorsTensor.Create("y", [2, 2], [0.5f, 0.5f, 0.5f, 0.5f])]);
        Nbp.Succeed("train", data, "--model", model, "--test-split", "0", "--epochs", "300", "--lr", "0.1", "--json", log);
        Assert.That(
            Nbp.ReadLog(log)[^1].GetProperty("train_loss").GetDouble(), Is.EqualTo(Math.Log(2)).Within(1e-4), "the entropy of the targets");
    }

    [Test]
    public void Model_without_parameters_is_refused()
    {
        string model = _folder.Write("m.json", """{"input":[64],"layers":[{"type":"relu"}],"loss":"softmax_cross_entropy"}""");
        Assert.That(Nbp.Fail(CliHost.Failure, "train", "digits", "--model", model), Does.Contain("no parameters to train"));
    }

    [Test]
    public void L2_and_weight_decay_pull_the_weights_as_defined()
    {
        // One row with x = 0: the loss has no gradient for the weight, so that each factor's pull stands alone.
        string data = _folder.Write("a.csv", "0,1\n"), weights = _folder.File("w.safetensors"), saved = _folder.File("s.safetensors");
        string model = _folder.Write("m.json", """{"input":[1],"layers":[{"type":"linear","units":1,"bias":false}],"loss":"mse"}""");
        SafetensorsFile.Write(weights, [SafetensorsTensor.Create("0.weight", [1, 1], [2f])]);
        float Trained(params string[] factor)
        {
            Nbp.Succeed(["train", data, "--regression", "--model", model, "--weights", weights, "--save", saved, "--steps", "1",
                "--test-split", "0", "--optimizer", "sgd", "--lr", "0.1", .. factor]);
            return SafetensorsFile.Read(saved)["0.weight"].AsSingle()[0];
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Trained("--l2", "0.25"), Is.EqualTo(2 - (0.1 * 0.25 * 2 * 2)).Within(1e-6));
            Assert.That(Trained("--weight-decay", "0.25"), Is.EqualTo(2 - (0.1 * 0.25 * 2)).Within(1e-6));
        }
    }

    [TestCaseSource(typeof(OptimizerChoice), nameof(OptimizerChoice.Names))]
    public void Every_optimizer_learns(string optimizer)
    {
        string log = _folder.File("log.json");
        Nbp.Succeed("train", "digits", "--epochs", "6", "--hidden", "32", "--optimizer", optimizer, "--json", log);
        Assert.That(Nbp.ReadLog(log)[^1].GetProperty("test_accuracy").GetDouble(), Is.GreaterThan(0.85));
    }

    [Test]
    public void Saved_model_and_weights_give_the_loss_that_training_ended_with()
    {
        string log = _folder.File("log.json"), model = _folder.File("m.json"), weights = _folder.File("w.safetensors"), data = _folder.File(
            "all.safetensors");
        Dataset digits = DataOptions.Open("digits", new DataSourceOptions()).Train;
        (Dataset _, Dataset? test) = digits.Split(0.2, shuffle: true, seed: 3);
        SafetensorsFile.Write(data, [
            SafetensorsTensor.Create("x", [test!.Count, 8, 8], test.Inputs),
            SafetensorsTensor.Create("y", [test.Count], Array.ConvertAll(test.Labels.ToArray(), label => (long)label))]);
        Nbp.Succeed(
            "train", "digits", "--epochs", "2", "--hidden", "20,10", "--activation", "tanh", "--seed", "3", "--json", log, "--save",
            weights, "--save-model", model);
        JsonElement evaluated = JsonDocument.Parse(Nbp.Succeed("eval", data, "--model", model, "--weights", weights, "--json")).RootElement;
        JsonElement summary = Nbp.ReadLog(log)[^1];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(evaluated.GetProperty("rows").GetInt32(), Is.EqualTo(359));
            Assert.That(evaluated.GetProperty("loss").GetDouble(), Is.EqualTo(summary.GetProperty("test_loss").GetDouble()).Within(1e-9));
            Assert.That(evaluated.GetProperty("accuracy").GetDouble(), Is.EqualTo(summary.GetProperty("test_accuracy").GetDouble()));
        }
    }

    [Test]
    public void Cancelled_run_prints_its_summary_and_fails()
    {
        using var output = new StringWriter();
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        string log = _folder.File("log.json"), checkpoint = _folder.File("checkpoint"), weights = _folder.File("w.safetensors");
        System.CommandLine.ParseResult parsed = Program.CreateRoot().Parse(
            ["train", "digits", "--json", log, "--checkpoint", checkpoint, "--save", weights]);
        int exitCode = parsed.InvokeAsync(
            new System.CommandLine.InvocationConfiguration { Output = output }, stop.Token).GetAwaiter().GetResult();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(exitCode, Is.EqualTo(CliHost.Failure));
            Assert.That(output.ToString(), Does.Contain("0 in 0 epochs, interrupted").And.Contain("Held-out accuracy:"));
            Assert.That(Nbp.ReadLog(log).Single().GetProperty("interrupted").GetBoolean(), Is.True);
            Assert.That(File.Exists(weights), Is.True);
        }

        Assert.That(Nbp.Succeed("train", "digits", "--steps", "1", "--checkpoint", checkpoint, "--resume"), Does.Contain("1 in 1 epoch"));
    }

    [Test]
    public void Diverging_run_is_said_and_saves_nothing()
    {
        string weights = _folder.File("w.safetensors");
        string line = Nbp.Fail(CliHost.Failure, "train", "digits", "--optimizer", "sgd", "--lr", "1e30", "--save", weights);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(line, Does.Contain("training diverged").And.Contain("step "));
            Assert.That(File.Exists(weights), Is.False);
        }
    }

    [TestCase("--lr: expected a finite number above 0, got '0'", "--lr", "0")]
    [TestCase("--lr: expected a finite number above 0, got '-1'", "--lr", "-1")]
    [TestCase("--lr: expected a finite number above 0, got 'NaN'", "--lr", "NaN")]
    [TestCase("--lr: expected a finite number above 0, got 'fast'", "--lr", "fast")]
    [TestCase("--optimizer: expected one of sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw, got 'sdg'", "--optimizer", "sdg")]
    [TestCase("--activation: expected one of abs, ", "--activation", "rleu")]
    [TestCase("--activation: expected one of abs, ", "--activation", "log")]
    [TestCase("--hidden: expected widths of at least 1", "--hidden", "64,0")]
    [TestCase("--hidden: expected widths of at least 1", "--hidden", "64;32")]
    [TestCase("--epochs: expected a whole number of at least 1, got '0'", "--epochs", "0")]
    [TestCase("--epochs: expected a whole number of at least 1, got '1.5'", "--epochs", "1.5")]
    [TestCase("--steps: expected a whole number of at least 1", "--steps", "0")]
    [TestCase("--epochs and --steps exclude each other", "--epochs", "1", "--steps", "1")]
    [TestCase("--batch-size: expected a whole number of at least 1", "--batch-size", "0")]
    [TestCase("--test-split: expected a number in [0, 1), got '1'", "--test-split", "1")]
    [TestCase("--weight-decay: expected a finite number of at least 0", "--weight-decay", "-0.1")]
    [TestCase("--l2: expected a finite number of at least 0", "--l2", "-1")]
    [TestCase("--seed: expected a whole number in 0..2^64-1, got '-1'", "--seed", "-1")]
    [TestCase("--threads: expected a whole number in 0..1024, got '-1'", "--threads", "-1")]
    [TestCase("--model and --hidden exclude each other", "--model", "m.json", "--hidden", "3")]
    [TestCase("--model and --activation exclude each other", "--model", "m.json", "--activation", "relu")]
    [TestCase("unrecognized command or argument '--bogus'", "--bogus")]
    public void Wrong_usage_is_one_line_and_exit_code_2(string expected, params string[] args) =>
        Assert.That(Nbp.Fail(CliHost.WrongUsage, ["train", "digits", .. args]), Does.StartWith("nbp: error: " + expected));

    [Test]
    public void Data_is_required() => Assert.That(Nbp.Fail(CliHost.WrongUsage, "train"), Does.Contain("'DATA' missing"));

    [TestCase("1,2,0\n3,4,x\n", "line 2, column 3: 'x' is not a class")]
    [TestCase("1,2,0\n3,NaN,1\n", "line 2, column 2: 'NaN' is not a finite number")]
    [TestCase("1,2,0\n3,4\n", "line 2: expected 3 columns, found 2")]
    [TestCase("a,b,c\n", "the data set is empty")]
    [TestCase("", "the data set is empty")]
    [TestCase("1,2,0\n", "leaves no test row")]
    public void Unusable_csv_is_one_line_and_exit_code_1(string content, string expected)
    {
        string path = _folder.Write("a.csv", content);
        Assert.That(Nbp.Fail(CliHost.Failure, "train", path), Does.Contain(path).And.Contain(expected));
    }

    [Test]
    public void Label_out_of_range_is_named()
    {
        string csv = _folder.Write("a.csv", "1,0\n2,1\n3,2\n"), batch = _folder.File("b.safetensors");
        SafetensorsFile.Write(batch, [SafetensorsTensor.Create("x", [2, 1], [1f, 2f]), SafetensorsTensor.Create("y", [2], [0L, 5L])]);
        string model = _folder.Write("m.json", """{"input":[1],"layers":[{"type":"linear","units":3}],"loss":"softmax_cross_entropy"}""");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                Nbp.Fail(CliHost.Failure, "train", csv, "--classes", "2"), Does.Contain("line 3, column 2: '2' is not a class in 0..1"));
            Assert.That(
                Nbp.Fail(CliHost.Failure, "train", batch, "--model", model, "--test-split", "0"),
                Does.Contain("6 classes do not fit a loss over 3 of them"));
        }
    }

    [Test]
    public void Missing_files_and_folders_are_named_before_anything_is_trained()
    {
        string missing = _folder.File("missing"), inMissing = Path.Combine(missing, "f");
        string model = _folder.Write("m.json", """{"input":[64],"layers":[{"type":"linear","units":10}],"loss":"softmax_cross_entropy"}""");
        (string[] Args, string Expected)[] cases =
        [
            ([missing], "found nothing"),
            (["digits", "--model", missing], "expected a file, found nothing"),
            (["digits", "--model", model, "--weights", missing], "expected a file, found nothing"),
            (["digits", "--save", inMissing], "there is no folder"),
            (["digits", "--save-model", inMissing], "there is no folder"),
            (["digits", "--json", inMissing], "cannot be written"),
        ];
        using (Assert.EnterMultipleScope())
        {
            foreach ((string[] args, string expected) in cases)
            {
                string line = Nbp.Fail(CliHost.Failure, ["train", .. args]);
                Assert.That(line, Does.Contain(missing).And.Contain(expected));
            }
        }
    }

    [Test]
    public void Model_of_another_input_width_is_refused()
    {
        string model = _folder.Write(
            "m.json", """{"input":[784],"layers":[{"type":"linear","units":10}],"loss":"softmax_cross_entropy"}""");
        Assert.That(Nbp.Fail(CliHost.Failure, "train", "digits", "--model", model),
            Does.Contain("digits: expected rows of 784 inputs, as the model takes them, found 64"));
    }

    [Test]
    public void Loss_that_needs_numbers_refuses_classes()
    {
        string model = _folder.Write("m.json", """{"input":[64],"layers":[{"type":"linear","units":10}],"loss":"mse"}""");
        Assert.That(Nbp.Fail(CliHost.Failure, "train", "digits", "--model", model), Does.Contain("the loss mse needs numbers as targets"));
    }

    [Test]
    public void Share_to_hold_out_is_refused_where_the_data_has_a_test_set()
    {
        byte[] images = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 9, 200], labels = [0, 0, 8, 1, 0, 0, 0, 2, 0, 1];
        foreach (string part in (string[])["train", "t10k"])
        {
            _folder.Write($"{part}-images-idx3-ubyte", images);
            _folder.Write($"{part}-labels-idx1-ubyte", labels);
        }

        Assert.That(Nbp.Succeed("train", _folder.Path, "--epochs", "1"), Does.Contain("2 rows to train on, 2 held out"));
        Assert.That(Nbp.Fail(CliHost.WrongUsage, "train", _folder.Path, "--test-split", "0.5"), Does.Contain("has a test set of its own"));
    }

    [Test]
    public void Weights_that_start_a_run_are_those_of_the_file()
    {
        string model = _folder.File("m.json"), weights = _folder.File("w.safetensors"), saved = _folder.File("s.safetensors");
        var description = new ModelDescription([64], new Sequential(new Linear(64, 10)), "softmax_cross_entropy");
        description.Model.Initialize(5);
        ModelFile.Write(model, description);
        WeightsFile.Save(weights, description.Model);
        Nbp.Succeed(
            "train", "digits", "--model", model, "--weights", weights, "--save", saved, "--steps", "1", "--lr", "1e-12", "--optimizer",
            "sgd");
        Assert.That(
            SafetensorsFile.Read(saved)["0.weight"].AsSingle().ToArray(),
            Is.EqualTo(SafetensorsFile.Read(weights)["0.weight"].AsSingle().ToArray()));
    }
}
