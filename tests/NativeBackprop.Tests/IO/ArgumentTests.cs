using NativeBackprop.Diagnostics;
using NativeBackprop.IO;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.IO;

/// <summary>What cannot be an argument of files and diagnostics is refused as such.</summary>
public class ArgumentTests
{
    private static readonly Sequential _model = new(new Linear(1, 1));
    private static readonly Dictionary<string, string> _settings = [];

    private static readonly TestCaseData[] Nulls =
    [
        Case("weights: path to save", () => WeightsFile.Save(null!, new Sequential())),
        Case("weights: layer to save", () => WeightsFile.Save("f", null!)),
        Case("weights: path to load", () => WeightsFile.Load(null!, _model)),
        Case("weights: layer to load", () => WeightsFile.Load("f", null!)),
        Case("checkpoint: path", () => CheckpointFile.Save(null!, new Sequential(), new ParameterSet([]), 0, _settings)),
        Case("checkpoint: model", () => CheckpointFile.Save("f", null!, new ParameterSet([]), 0, _settings)),
        Case("checkpoint: state", () => CheckpointFile.Save("f", _model, null!, 0, _settings)),
        Case("checkpoint: settings", () => CheckpointFile.Load("f", _model, new ParameterSet([]), null!)),
        Case("tensors: path", () => SafetensorsFile.Write(null!, [])),
        Case("tensors: list", () => SafetensorsFile.Write("f", null!)),
        Case("tensors: path to read", () => SafetensorsFile.Read(null!)),
        Case("tensor: name", () => SafetensorsTensor.Create(null!, [], [1f])),
        Case("model: path", () => ModelFile.Read(null!)),
        Case("model: text", () => ModelFile.Parse(null!, "m")),
        Case("model: name", () => ModelFile.Parse("{}", null!)),
        Case("model: description", () => ModelFile.Format(null!)),
        Case("model: layers", () => new ModelDescription([1], null!, "mse")),
        Case("model: loss", () => new ModelDescription([1], _model, (string)null!)),
        Case("data: name", () => DataSource.Open(null!, () => Stream.Null)),
        Case("data: digits", () => DataSource.Open("digits", null!)),
        Case("data: batch", () => BatchFile.Open(null!)),
        Case("picture: writer", () => GraphPicture.WriteDot(null!, new Graph().Input("x"))),
        Case("picture: output", () => GraphPicture.WriteDot(TextWriter.Null, (Node)null!)),
        Case("check: graph", () => new GradientCheck(null!, new Graph().Input("x"))),
        Case("check: cost", () => new GradientCheck(new Graph(), null!)),
        Case("check: model", () => GradientCheck.Run(null!, new MeanSquaredError(), null!)),
    ];

    [TestCaseSource(nameof(Nulls))]
    public void Null_is_refused(Action call) => Assert.That(() => call(), Throws.ArgumentNullException);

    [Test]
    public void What_is_null_inside_is_an_argument_error()
    {
        Assert.That(() => SafetensorsFile.Write("f", [null!]), Throws.ArgumentException);
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"{Guid.NewGuid():N}");
        Assert.That(() => SafetensorsFile.Write(path, [], new Dictionary<string, string> { ["a"] = null! }), Throws.ArgumentException);
        Assert.That(File.Exists(path), Is.False);
    }

    [Test]
    public void Digits_that_cannot_be_opened_are_the_caller_s_exception_inside_of_ours()
    {
        Assert.That(() => DataSource.Open("digits", () => throw new TimeZoneNotFoundException("gone")),
            Throws.TypeOf<DataException>().With.InnerException.TypeOf<TimeZoneNotFoundException>());
        Assert.That(() => DataSource.Open("digits", () => null!), Throws.TypeOf<DataException>());
    }

    [Test]
    public void Layers_too_large_for_memory_are_an_error_of_the_model_file() => Assert.That(
        () => ModelFile.Parse("""{"input":[2147483647],"layers":[{"type":"linear","units":2147483647}],"loss":"mse"}""", "m.json"),
        Throws.TypeOf<DataException>().With.Message.Contains("$.layers[0]"));

    private static TestCaseData Case(string name, Action call) => new TestCaseData(call).SetName($"Null_is_refused({name})");
}
