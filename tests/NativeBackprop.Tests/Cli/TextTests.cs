using NativeBackprop.Cli;
using NativeBackprop.IO;
using NativeBackprop.Tests.Data;
using NUnit.Framework;

namespace NativeBackprop.Tests.Cli;

/// <summary>From a text to a model of it to a text.</summary>
[TestFixture]
internal sealed class TextTests
{
    private TemporaryFolder _folder;
    private string _text = "", _model = "";

    [OneTimeSetUp]
    public void Train()
    {
        _folder = new TemporaryFolder();
        _text = _folder.Write("t.txt", string.Concat(Enumerable.Repeat("abcd", 300)));
        _model = _folder.File("m.nbp");
        Nbp.Succeed(
            "train", _text, "--hidden", "16", "--window", "8", "--epochs", "20", "--lr", "0.02", "--save", _model, "--threads", "1");
    }

    [OneTimeTearDown]
    public void DeleteFolder() => _folder.Dispose();

    [Test]
    public void A_text_that_repeats_itself_is_learnt_and_goes_on() =>
        Assert.That(
            Nbp.Succeed("generate", _model, "--prompt", "ab", "--length", "9", "--temperature", "0").Trim(), Is.EqualTo("abcdabcdabc"));

    [Test]
    public void The_same_seed_draws_the_same_text()
    {
        string[] arguments = ["generate", _model, "--length", "60", "--temperature", "3", "--seed"];
        string first = Nbp.Succeed([.. arguments, "1"]);
        Assert.That(Nbp.Succeed([.. arguments, "1"]), Is.EqualTo(first));
        Assert.That(Nbp.Succeed([.. arguments, "2"]), Is.Not.EqualTo(first));
        Assert.That(first.Trim(), Does.Match("^[abcd]{60}$"));
    }

    [Test]
    public void A_trained_model_file_holds_everything()
    {
        TrainedModel model = TrainedModelFile.Load(_model);
        Assert.That(model.Classes, Is.EqualTo(new[] { "a", "b", "c", "d" }));
        Assert.That(model.Description.Input, Is.EqualTo(RowShape.Indices(8, 4)));
        string copy = _folder.File("copy.nbp");
        TrainedModelFile.Save(copy, model.Description, model.Classes);
        Assert.That(File.ReadAllBytes(copy), Is.EqualTo(File.ReadAllBytes(_model)));
        Assert.That(Nbp.Succeed("eval", _text, "--model", _model), Does.Contain("Accuracy: 1.0000"));
    }

    [Test]
    public void Mistakes_are_one_line()
    {
        string other = _folder.Write("other.txt", "abcdx" + new string('a', 50));
        Fails("line 1, column 5: the character U+0078", "eval", other, "--model", _model);
        Fails("--prompt: line 1, column 1: the character U+0078", "generate", _model, "--prompt", "x");
        Fails("expected a trained model", "generate", Weights());
        string digits = _folder.File("digits.nbp");
        Nbp.Succeed("train", "digits", "--steps", "1", "--save", digits);
        Fails("expected a model of text", "generate", digits);
        Fails("expected a file .nbp", "train", _text, "--save", _folder.File("w.safetensors"));
        Fails("--activation", "train", _text, "--activation", "tanh");
        Fails("--weights", "eval", "digits", "--model", _folder.Write(
            "m.json", """{"input":[64],"layers":[{"type":"linear","units":10}],"loss":"softmax_cross_entropy"}"""));

        static void Fails(string message, params string[] arguments)
        {
            (int exitCode, _, string error) = Nbp.Run(arguments);
            Assert.That(exitCode, Is.Not.EqualTo(CliHost.Success));
            Assert.That(error, Does.Contain(message));
            Assert.That(error.Trim(), Does.Not.Contain("\n"));
        }
    }

    [TestCase("format", "other", "expected a trained model")]
    [TestCase("format_version", "2", "format_version 1")]
    [TestCase("model", "{", "not a model file")]
    [TestCase("classes", "{}", "list of names")]
    [TestCase("classes", "[null]", "list of names")]
    public void A_file_with_other_metadata_is_refused(string key, string value, string message)
    {
        SafetensorsFile file = SafetensorsFile.Read(_model);
        string path = _folder.File("changed.nbp");
        SafetensorsFile.Write(path, file.Tensors, new Dictionary<string, string>(file.Metadata) { [key] = value });
        Assert.That(() => TrainedModelFile.Load(path), Throws.TypeOf<DataException>().With.Message.Contains(message));
    }

    private string Weights()
    {
        string path = _folder.File("plain.nbp");
        WeightsFile.Save(path, TrainedModelFile.Load(_model).Description.Model);
        return path;
    }
}
