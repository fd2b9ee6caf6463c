using System.Globalization;
using System.Text.Json;
using NativeBackprop.Cli;
using NativeBackprop.Diagnostics;
using NativeBackprop.IO;
using NativeBackprop.Tests.Data;
using NUnit.Framework;

namespace NativeBackprop.Tests.Cli;

/// <summary>eval, predict, gradients, gradcheck: the commands that take a model file.</summary>
[TestFixture]
internal sealed class ModelCommandTests
{
    private const string Network = """
        {"input": [6],"layers":[{"type":"linear","units":5},{"type":"tanh"},
         {"type":"residual","layers":[{"type":"low_rank_linear","units":5,"rank":2},
         {"type":"dropout","p":0.9}]},{"type":"linear","units":4}],
         "loss":"softmax_cross_entropy"}
        """;

    private static readonly float[] _x = [.. Enumerable.Range(0, 18).Select(i => MathF.Sin(i + 1))];

    private TemporaryFolder _folder;
    private string _model = "", _weights = "", _batch = "";
    private ModelDescription _description;

    [SetUp]
    public void MakeFiles()
    {
        _folder = new TemporaryFolder();
        _model = _folder.Write("m.json", Network);
        _description = ModelFile.Read(_model);
        _description.Model.Initialize(11);
        WeightsFile.Save(_weights = _folder.File("w.safetensors"), _description.Model);
        SafetensorsFile.Write(
            _batch = _folder.File("b.safetensors"),
            [SafetensorsTensor.Create("x", [3, 2, 3], _x), SafetensorsTensor.Create("y", [3], [0L, 3L, 1L])]);
    }

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [Test]
    public void Gradients_agree_with_double_precision_under_the_names_and_layouts_of_PyTorch()
    {
        string file = _folder.File("g.safetensors");
        Nbp.Succeed("gradients", "--model", _model, "--weights", _weights, "--batch", _batch, "--out", file);
        SafetensorsFile gradients = SafetensorsFile.Read(file);
        var network = new NetworkGradients(_description.Model, _description.CreateLoss(denseTargets: false), _description.Input);
        ReferenceEvaluator reference = new ReferenceEvaluator(network.Graph, 3).Set(network.Input, _x).Set(
            network.Targets, (double[])[0, 3, 1]);
        reference.Run([network.Loss, network.Output, .. network.Gradients]);
        (string Name, int[] Shape, double[] Expected)[] expected =
        [
            ("0.weight", [5, 6], Transposed(reference[network.Gradients[0]], 6, 5)),
            ("0.bias", [5], reference[network.Gradients[1]]),
            ("2.0.u.weight", [2, 5], Transposed(reference[network.Gradients[2]], 5, 2)),
            ("2.0.v.weight", [5, 2], Transposed(reference[network.Gradients[3]], 2, 5)),
            ("2.0.v.bias", [5], reference[network.Gradients[4]]),
            ("3.weight", [4, 5], Transposed(reference[network.Gradients[5]], 5, 4)),
            ("3.bias", [4], reference[network.Gradients[6]]),
            ("x", [3, 2, 3], reference[network.Gradients[7]]),
            ("output", [3, 4], reference[network.Output]),
            ("loss", [], reference[network.Loss]),
        ];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(gradients.Tensors.Select(tensor => tensor.Name), Is.EquivalentTo(expected.Select(tensor => tensor.Name)));
            foreach ((string name, int[] shape, double[] values) in expected)
            {
                float[] actual = gradients.GetSingle(name, shape).ToArray();
                double error = Math.Sqrt(
                    actual.Zip(values, (a, b) => (a - b) * (a - b)).Sum()) / Math.Sqrt(values.Sum(value => value * value));
                Assert.That(error, Is.LessThan(1e-6), name);
            }
        }
    }

    [Test]
    public void Gradients_refuse_a_batch_that_does_not_fit()
    {
        string narrow = _folder.File("n.safetensors"), dense = _folder.File("d.safetensors"), far = _folder.File("f.safetensors");
        SafetensorsFile.Write(narrow, [SafetensorsTensor.Create("x", [1, 2], [1f, 2f]), SafetensorsTensor.Create("y", [1], [0L])]);
        SafetensorsFile.Write(
            dense, [SafetensorsTensor.Create("x", [1, 6], new float[6]), SafetensorsTensor.Create("y", [1, 3], new float[3])]);
        SafetensorsFile.Write(far, [SafetensorsTensor.Create("x", [1, 6], new float[6]), SafetensorsTensor.Create("y", [1], [4L])]);
        string Refusal(string batch) =>
            Nbp.Fail(CliHost.Failure, "gradients", "--model", _model, "--weights", _weights, "--batch", batch, "--out", _folder.File("g"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Refusal(narrow), Does.Contain("expected rows of 6 inputs, as the model takes them, found 2"));
            Assert.That(Refusal(dense), Does.Contain("expected targets of 4 numbers").And.Contain("found 3"));
            Assert.That(Refusal(far), Does.Contain("label 4 at position 0 lies outside 0..3"));
        }
    }

    [Test]
    public void Gradcheck_passes_and_lists_every_parameter_and_the_input()
    {
        string output = Nbp.Succeed("gradcheck", "--model", _model, "--weights", _weights, "--batch", _batch);
        JsonElement json = JsonDocument.Parse(
            Nbp.Succeed("gradcheck", "--model", _model, "--json", "--rows", "2", "--elements", "7")).RootElement;
        JsonElement[] parameters = [.. json.GetProperty("parameters").EnumerateArray()];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(output.Split('\n').Count(line => line.EndsWith("ok", StringComparison.Ordinal)), Is.EqualTo(8 + 1));
            Assert.That(output, Does.Contain("2.0.u.weight").And.Contain("passed: "));
            Assert.That(parameters.Select(parameter => parameter.GetProperty("name").GetString()),
                Is.EqualTo(new[] { "0.weight", "0.bias", "2.0.u.weight", "2.0.v.weight", "2.0.v.bias", "3.weight", "3.bias", "x" }));
            Assert.That(
                parameters.Select(parameter => parameter.GetProperty("compared").GetInt32()), Is.EqualTo(new[] { 7, 5, 7, 7, 5, 7, 4, 7 }));
            Assert.That(json.GetProperty("passed").GetBoolean(), Is.True);
        }
    }

    [Test]
    public void Gradcheck_says_what_stands_at_a_kink()
    {
        string model = _folder.Write(
            "k.json", """{"input":[2],"layers":[{"type":"relu"},{"type":"linear","units":2}],"loss":"softmax_cross_entropy"}""");
        string batch = _folder.File("k.safetensors");
        SafetensorsFile.Write(batch, [SafetensorsTensor.Create("x", [1, 2], [0f, 1f]), SafetensorsTensor.Create("y", [1], [1L])]);
        Assert.That(Nbp.Succeed("gradcheck", "--model", model, "--batch", batch), Does.Contain("1 of the elements stand at a kink"));
    }

    [TestCase("sigmoid_cross_entropy")]
    [TestCase("mse")]
    [TestCase("multiclass_hinge")]
    [TestCase("gaussian_nll")]
    public void Gradcheck_makes_rows_for_every_loss(string loss)
    {
        string model = _folder.Write("l.json", Network.Replace("softmax_cross_entropy", loss, StringComparison.Ordinal));
        Assert.That(Nbp.Succeed("gradcheck", "--model", model, "--seed", "4"), Does.Contain("passed: "));
    }

    [Test]
    public void Predict_prints_the_outputs_of_csv_and_batch_alike()
    {
        string Row(int row) =>
            string.Join(',', _x.Skip(6 * row).Take(6).Select(value => value.ToString("R", CultureInfo.InvariantCulture)));
        string inputs = _folder.Write("in.csv", $"{Row(0)}\n{Row(1)}\n{Row(2)}\n");
        string withTarget = _folder.Write("target.csv", $"a,b,c,d,e,f,class\n{Row(0)},2\n{Row(1)},1\n{Row(2)},0\n");
        string expected = Nbp.Succeed("predict", _batch, "--model", _model, "--weights", _weights);
        float[] outputs = new float[12];
        using NativeBackprop.Layers.Predictor predictor = _description.Model.CreatePredictor(3);
        predictor.Predict(_x, outputs);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                expected.TrimEnd().Split('\n', ',').Select(text => float.Parse(text, CultureInfo.InvariantCulture)), Is.EqualTo(outputs));
            Assert.That(Nbp.Succeed("predict", inputs, "--model", _model, "--weights", _weights), Is.EqualTo(expected));
            Assert.That(Nbp.Succeed("predict", withTarget, "--model", _model, "--weights", _weights), Is.EqualTo(expected));
            Assert.That(Nbp.Succeed("predict", _batch, "--model", _model, "--weights", _weights, "--argmax"),
                Is.EqualTo(string.Concat(outputs.Chunk(4).Select(row => $"{Array.IndexOf(row, row.Max())}\n"))));
        }
    }

    [Test]
    public void Predict_writes_files()
    {
        string csv = _folder.File("o.csv"), tensors = _folder.File("o.safetensors");
        string expected = Nbp.Succeed("predict", _batch, "--model", _model, "--weights", _weights);
        Nbp.Succeed("predict", _batch, "--model", _model, "--weights", _weights, "--out", csv);
        Nbp.Succeed("predict", _batch, "--model", _model, "--weights", _weights, "--out", tensors);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(File.ReadAllText(csv), Is.EqualTo(expected));
            float[] output = SafetensorsFile.Read(tensors).GetSingle("output", 3, 4).ToArray();
            Assert.That(string.Join(',', output.Select(value => value.ToString("R", CultureInfo.InvariantCulture))),
                Is.EqualTo(expected.TrimEnd().Replace('\n', ',')));
        }
    }

    [Test]
    public void Predict_refuses_rows_of_another_width()
    {
        string csv = _folder.Write("a.csv", "1,2,3\n");
        Assert.That(
            Nbp.Fail(CliHost.Failure, "predict", csv, "--model", _model, "--weights", _weights),
            Does.Contain("expected rows of 6 inputs").And.Contain("found 3 columns"));
        Assert.That(
            Nbp.Fail(CliHost.Failure, "predict", "digits", "--model", _model, "--weights", _weights),
            Does.Contain("expected rows of 6 inputs"));
    }

    [TestCase("eval", "digits")]
    [TestCase("predict", "digits")]
    [TestCase("gradients")]
    [TestCase("gradcheck")]
    public void Model_is_required(params string[] command) =>
        Assert.That(Nbp.Fail(CliHost.WrongUsage, command), Does.Contain("'--model' is required"));

    private static double[] Transposed(double[] values, int rows, int columns)
    {
        double[] result = new double[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            result[(i % columns * rows) + (i / columns)] = values[i];
        }

        return result;
    }
}
