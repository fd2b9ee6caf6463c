using System.Text.Json;
using NativeBackprop.Data;
using NativeBackprop.IO;
using NativeBackprop.Losses;
using NativeBackprop.Tests.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.Parity;

/// <summary>
/// A file that <c>tests/parity/parity.py --record</c> has written: a model, its weights, a batch, and what PyTorch makes of them in double
/// precision.
/// </summary>
internal sealed class Reference
{
    private const string Expected = "expected/", Weights = "weights/";

    private readonly SafetensorsFile _file;

    private Reference(string path)
    {
        _file = SafetensorsFile.Read(path);
        SafetensorsTensor x = _file["x"], y = _file["y"];
        Description = ModelFile.Parse(_file.Metadata["model"], path);
        int rows = x.Shape[0];
        Rows = y.DType == SafetensorsDType.I64
            ? Dataset.FromLabels(
                path, x.ToSingle(), x.Count / rows, [.. y.AsInt64().ToArray().Select(label => (int)label)], Description.OutputWidth)
            : Dataset.FromTargets(path, x.ToSingle(), x.Count / rows, y.ToSingle(), y.Shape[1]);
        SafetensorsTensor[] weights = [.. _file.Tensors
            .Where(tensor => tensor.Name.StartsWith(Weights, StringComparison.Ordinal))
            .Select(tensor => SafetensorsTensor.Create(tensor.Name[Weights.Length..], tensor.Shape, tensor.AsSingle()))];
        ParameterTensors.Load(
            _file.With(weights), [.. Description.Model.Parameters.Entries, .. Description.Model.Buffers.Entries]);
    }

    public ModelDescription Description { get; }

    /// <summary>The batch.</summary>
    public Dataset Rows { get; }

    /// <summary>PyTorch's loss before every step of a training run.</summary>
    public ReadOnlySpan<double> Losses => _file["losses"].AsDouble();

    /// <summary>The names of what is expected.</summary>
    public IEnumerable<string> ExpectedNames => _file.Tensors
        .Where(tensor => tensor.Name.StartsWith(Expected, StringComparison.Ordinal))
        .Select(tensor => tensor.Name[Expected.Length..]);

    /// <summary>The names of the files of a kind: gradients or training.</summary>
    public static string[] Names(string kind) =>
        [.. Directory.GetFiles(
            Repository.PathOf("tests", "parity", "recorded", kind)).Select(path =>
                Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal)];

    public static Reference Read(string kind, string name) =>
        new(Repository.PathOf("tests", "parity", "recorded", kind, $"{name}.safetensors"));

    /// <summary>How the run was made.</summary>
    public JsonElement Run() => JsonDocument.Parse(_file.Metadata["run"]).RootElement;

    /// <summary>An entry of the file's metadata.</summary>
    public string Metadata(string key) => _file.Metadata[key];

    /// <summary>The model as the file has it.</summary>
    public JsonElement Model() => JsonDocument.Parse(_file.Metadata["model"]).RootElement;

    public Loss CreateLoss() => Description.CreateLoss(denseTargets: !Rows.IsClassification);

    /// <summary>Compares with what is expected under a name, normwise; a parameter or its gradient in the shape of the file's.</summary>
    public void AssertClose(string name, Parameter parameter, ReadOnlySpan<float> actual, double limit)
    {
        SafetensorsTensor found = ParameterTensors.Create(name, parameter, actual), expected = _file[Expected + name];
        Assert.That(found.Shape.ToArray(), Is.EqualTo(expected.Shape.ToArray()), name);
        AssertClose(name, found.AsSingle(), limit);
    }

    /// <summary>Compares values in the order of the file's.</summary>
    public void AssertClose(string name, ReadOnlySpan<float> actual, double limit) => AssertCloseTo(Expected + name, actual, limit);

    /// <summary>Compares the values of a parameter or buffer with a tensor of the file.</summary>
    public void AssertCloseInFile(string tensor, string name, Parameter parameter, double limit) =>
        AssertCloseTo(tensor, ParameterTensors.Create(name, parameter, parameter.Value).AsSingle(), limit);

    /// <summary>Compares values with a tensor of the file.</summary>
    public void AssertCloseTo(string tensor, ReadOnlySpan<float> actual, double limit) =>
        Assert.That(Norms.Error(actual, _file[tensor].AsDouble()), Is.LessThanOrEqualTo(limit), tensor);
}
