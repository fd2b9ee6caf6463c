using NativeBackprop.Cli.Bench;
using NativeBackprop.IO;
using NativeBackprop.Layers;
using NUnit.Framework;

namespace NativeBackprop.Tests.Samples;

/// <summary>The model files of the samples are read, fit together, and are what they are called.</summary>
[TestFixture]
internal sealed class ModelSampleTests
{
    [TestCase("lenet", "[1, 28, 28]", 10, 61_706)]
    [TestCase("digits-cnn", "[1, 8, 8]", 10, 38_282)]
    [TestCase("resnet20", "[3, 32, 32]", 10, 272_474)]
    [TestCase("digits-lstm", "[8, 8]", 10, 19_594)]
    [TestCase("chars-lstm", "[64]", 64 * 64, 350_272)]
    public void Model_files_of_the_samples_are_read(string name, string input, int outputs, int parameters)
    {
        ModelDescription model = Read(name);
        using (Assert.EnterMultipleScope())
        {
            Assert.That($"[{string.Join(", ", model.InputShape.ToArray())}]", Is.EqualTo(input));
            Assert.That(model.OutputWidth, Is.EqualTo(outputs));
            Assert.That(model.Model.Parameters.Size, Is.EqualTo(parameters));
        }
    }

    [Test]
    public void Every_model_file_of_the_samples_is_read_here()
    {
        IEnumerable<string?> files = Directory.EnumerateFiles(Repository.PathOf("samples", "models"), "*.json")
            .Select(Path.GetFileNameWithoutExtension);
        Assert.That(files, Is.EquivalentTo(["lenet", "digits-cnn", "resnet20", "digits-lstm", "chars-lstm"]));
    }

    [TestCase("lenet", "lenet")]
    [TestCase("resnet20", "resnet")]
    [TestCase("chars-lstm", "chars")]
    public void Rows_of_the_benchmark_measure_the_same_networks(string name, string row)
    {
        IEnumerable<(string Name, Shape Shape)> Parameters(Sequential model) =>
            model.Parameters.Entries.Select(entry => (entry.Name, entry.Parameter.Shape));
        Assert.That(Parameters(Read(name).Model), Is.EqualTo(Parameters(Workload.Find(row).CreateModel())));
    }

    private static ModelDescription Read(string name) => ModelFile.Read(Repository.PathOf("samples", "models", $"{name}.json"));
}
