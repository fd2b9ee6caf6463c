using System.Diagnostics;
using System.Text.Json;
using NativeBackprop.Cli;
using NativeBackprop.IO;
using NativeBackprop.Tests.Data;
using NUnit.Framework;

namespace NativeBackprop.Tests.Cli;

[TestFixture]
internal sealed class CheckpointTests
{
    private TemporaryFolder _folder;
    private string _model = "", _checkpoint = "";

    [SetUp]
    public void MakeFolder()
    {
        _folder = new TemporaryFolder();
        _checkpoint = _folder.File("checkpoint");
        _model = _folder.Write("m.json", """
            {"input":[64],"layers":[{"type":"linear","units":12},{"type":"relu"},
             {"type":"dropout","p":0.2},{"type":"linear","units":10}],"loss":"softmax_cross_entropy"}
            """);
    }

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    private string[] Train(params string[] args) => ["train", "digits", "--model", _model, "--threads", "1", .. args];

    // 45 steps an epoch: 60 end in the middle of one.
    [TestCase("sgd", "60")]
    [TestCase("momentum", "60")]
    [TestCase("adagrad", "60")]
    [TestCase("rmsprop", "60")]
    [TestCase("adam", "60")]
    [TestCase("adamw", "90")]
    public void Resumed_run_saves_the_bytes_of_an_unbroken_one(string optimizer, string steps)
    {
        string unbroken = _folder.File("a"), resumed = _folder.File("b");
        Nbp.Succeed(Train("--optimizer", optimizer, "--epochs", "3", "--save", unbroken));
        Nbp.Succeed(Train("--optimizer", optimizer, "--steps", steps, "--checkpoint", _checkpoint));
        Nbp.Succeed(Train("--optimizer", optimizer, "--epochs", "3", "--checkpoint", _checkpoint, "--resume", "--save", resumed));
        Assert.That(File.ReadAllBytes(resumed), Is.EqualTo(File.ReadAllBytes(unbroken)));
    }

    [Test]
    public void Resumed_run_goes_on_with_epochs_and_log()
    {
        string log = _folder.File("log.json");
        Nbp.Succeed(Train("--epochs", "1", "--checkpoint", _checkpoint, "--json", log));
        string output = Nbp.Succeed(Train("--epochs", "3", "--checkpoint", _checkpoint, "--resume", "--json", log));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                output,
                Does.Contain("45 steps made before").And.Contain("epoch 2/3").And.Not.Contain("epoch 1/3").And.Contain("90 in 2 epochs"));
            Assert.That(
                Nbp.ReadLog(log).Select(line => line.GetProperty("event").GetString()),
                Is.EqualTo(new[] { "epoch", "summary", "epoch", "epoch", "summary" }));
        }
    }

    [Test]
    public void Run_that_is_over_is_only_measured()
    {
        string log = _folder.File("log.json");
        Nbp.Succeed(Train("--epochs", "2", "--checkpoint", _checkpoint, "--json", log));
        Nbp.Succeed(Train("--epochs", "2", "--checkpoint", _checkpoint, "--resume", "--json", log));
        JsonElement[] lines = Nbp.ReadLog(log);
        Assert.That(lines[^1].GetProperty("steps").GetInt32(), Is.Zero);
        Assert.That(lines[^1].GetProperty("test_loss").GetDouble(), Is.EqualTo(lines[^2].GetProperty("test_loss").GetDouble()));
    }

    [Test]
    public void Run_of_more_steps_than_an_int_counts_is_taken_up()
    {
        Nbp.Succeed(Train("--steps", "1", "--checkpoint", _checkpoint));
        string path = Path.Combine(_checkpoint, "checkpoint.safetensors");
        SafetensorsFile file = SafetensorsFile.Read(path);
        SafetensorsFile.Write(path, file.Tensors, new Dictionary<string, string>(file.Metadata) { ["steps"] = "3000000000" });
        Assert.That(
            Nbp.Succeed(Train("--epochs", "1", "--checkpoint", _checkpoint, "--resume")), Does.Contain("3000000000 steps made before"));
    }

    [TestCase("expected seed 7, found 0", "--seed", "7")]
    [TestCase("expected batch_size 16, found 32", "--batch-size", "16")]
    [TestCase("expected optimizer sgd, found adam", "--optimizer", "sgd")]
    [TestCase("expected shuffle false, found true", "--no-shuffle")]
    [TestCase("expected rows 1797, found 1438", "--test-split", "0")]
    public void Checkpoint_of_another_run_is_refused(string expected, params string[] args)
    {
        Nbp.Succeed(Train("--steps", "2", "--checkpoint", _checkpoint));
        Assert.That(Nbp.Fail(CliHost.Failure, Train(["--checkpoint", _checkpoint, "--resume", .. args])), Does.Contain(expected));
    }

    [Test]
    public void Resuming_needs_a_checkpoint()
    {
        string file = _folder.File("w.safetensors");
        SafetensorsFile.Write(file, []);
        Directory.CreateDirectory(_checkpoint);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Nbp.Fail(CliHost.WrongUsage, Train("--resume")), Does.Contain("--resume: expected --checkpoint DIR with it"));
            Assert.That(
                Nbp.Fail(CliHost.WrongUsage, Train("--resume", "--checkpoint", _checkpoint, "--weights", file)),
                Does.Contain("--resume and --weights exclude each other"));
            Assert.That(
                Nbp.Fail(CliHost.Failure, Train("--resume", "--checkpoint", _checkpoint)), Does.Contain("expected a file, found nothing"));
        }

        File.Move(file, Path.Combine(_checkpoint, "checkpoint.safetensors"));
        Assert.That(
            Nbp.Fail(CliHost.Failure, Train("--resume", "--checkpoint", _checkpoint)),
            Does.Contain("expected a checkpoint, found a file without its metadata"));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "sends a signal")]
    public void Killed_run_leaves_whole_lines_and_a_whole_checkpoint()
    {
        string log = _folder.File("log.json"), file = Path.Combine(_checkpoint, "checkpoint.safetensors");
        var start = new ProcessStartInfo(
            "dotnet",
            [Path.Combine(AppContext.BaseDirectory, "nbp.dll"), .. Train("--epochs", "100000", "--checkpoint", _checkpoint, "--json", log)])
        {
            RedirectStandardOutput = true,
        };
        using (var process = Process.Start(start)!)
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            Assert.That(() => File.Exists(file), Is.True.After(60_000, 20));
            process.Kill();
            process.WaitForExit();
            _ = output.Result;
        }

        Assert.That(File.ReadAllText(log), Does.EndWith("}\n"));
        Assert.That(Nbp.ReadLog(log).Select(line => line.GetProperty("event").GetString()), Is.All.EqualTo("epoch"));
        int steps = int.Parse(SafetensorsFile.Read(file).Metadata["steps"], System.Globalization.CultureInfo.InvariantCulture);
        Assert.That(steps, Is.GreaterThanOrEqualTo(45));
        Assert.That(
            Nbp.Succeed(Train("--steps", $"{steps + 1}", "--checkpoint", _checkpoint, "--resume")),
            Does.Contain($"{steps} steps made before").And.Contain("1 in 1 epoch"));
    }
}
