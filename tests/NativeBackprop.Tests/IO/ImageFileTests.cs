using NativeBackprop.IO;
using NativeBackprop.Layers;
using NUnit.Framework;

namespace NativeBackprop.Tests.IO;

/// <summary>Layers of images and signals in model files, and what their own files hold.</summary>
internal sealed class ImageFileTests : TensorFileTests
{
    [TestCase("""{"type":"max_pool2d","kernel":2}""")]
    [TestCase("""{"type":"max_pool2d","kernel":[2,3],"stride":[1,2],"padding":[0,1]}""")]
    [TestCase("""{"type":"avg_pool2d","kernel":3,"stride":1,"padding":1}""")]
    [TestCase("""{"type":"avg_pool2d","kernel":[4,2]}""")]
    [TestCase("""{"type":"global_avg_pool"}""")]
    [TestCase("""{"type":"upsample"}""")]
    [TestCase("""{"type":"upsample","factor":3}""")]
    [TestCase("""{"type":"batch_norm"}""")]
    [TestCase("""{"type":"batch_norm","eps":0.001,"momentum":0.3}""")]
    [TestCase("""{"type":"group_norm","groups":2}""")]
    [TestCase("""{"type":"group_norm","groups":1,"eps":0.5}""")]
    public void A_layer_of_images_is_read_and_written_back_as_it_was(string layer) => AssertRoundTrip("\"input\":[4,6,8]", layer);

    [TestCase("""{"type":"max_pool1d","kernel":3}""")]
    [TestCase("""{"type":"max_pool1d","kernel":3,"stride":1,"padding":1}""")]
    [TestCase("""{"type":"avg_pool1d","kernel":4,"stride":2}""")]
    [TestCase("""{"type":"global_avg_pool"}""")]
    [TestCase("""{"type":"upsample","factor":5}""")]
    [TestCase("""{"type":"transpose"}""")]
    [TestCase("""{"type":"batch_norm"}""")]
    [TestCase("""{"type":"group_norm","groups":4}""")]
    public void A_layer_of_signals_is_read_and_written_back_as_it_was(string layer) =>
        AssertRoundTrip("\"input\":[4,9],\"input_type\":\"signal\"", layer);

    [Test]
    public void Defaults_are_those_of_the_table_and_are_not_written()
    {
        const string text = """{"input":[2,6,6],"layers":[{"type":"max_pool2d","kernel":[2,2],"stride":2,"padding":0},"""
            + """{"type":"batch_norm","eps":1e-5,"momentum":0.1},{"type":"upsample","factor":2},{"type":"flatten"}],"loss":"mse"}""";
        Assert.That(ModelFile.Format(ModelFile.Parse(text, "m.json")), Is.EqualTo(
            """{"input":[2,6,6],"layers":[{"type":"max_pool2d","kernel":2},{"type":"batch_norm"},{"type":"upsample"},"""
            + """{"type":"flatten"}],"loss":"mse"}"""));
    }

    [TestCase("""{"type":"max_pool2d"}""", "m.json: $.layers[0]: expected the key 'kernel', found type")]
    [TestCase("""{"type":"max_pool2d","kernel":[1,2,3]}""", "m.json: $.layers[0].kernel: expected a list of two numbers, found 3 of them")]
    [TestCase("""{"type":"max_pool2d","kernel":2,"stride":0}""", "m.json: $.layers[0].stride: expected a whole number of at least 1")]
    [TestCase("""{"type":"avg_pool2d","kernel":3,"padding":2}""",
        "m.json: $.layers[0]: a pooling's padding must lie between 0 and half its kernel of 3, got 2")]
    [TestCase("""{"type":"avg_pool2d","kernel":9}""",
        "m.json: $.layers[0]: an average pooling: a window of 9 does not fit into an extent of 8, got [B, 6, 8, 4]")]
    [TestCase("""{"type":"max_pool1d","kernel":2}""", "m.json: $.layers[0]: a 1d max pooling takes a signal [B, L, C], got an image")]
    [TestCase("""{"type":"flatten"},{"type":"global_avg_pool"}""",
        "m.json: $.layers[1]: a global average pooling takes an image [B, H, W, C] or a signal [B, L, C], got features of shape [B, 192]")]
    [TestCase("""{"type":"transpose"}""", "m.json: $.layers[0]: a transpose layer takes a sequence [B, T, F] or a signal [B, L, C]")]
    [TestCase("""{"type":"group_norm","groups":3}""",
        "m.json: $.layers[0]: a group norm needs groups that divide its channels, at least 1, got 3 groups of 4 channels")]
    [TestCase("""{"type":"batch_norm","momentum":-1}""", "m.json: $.layers[0]: a batch norm's momentum must lie in [0, 1], got -1")]
    [TestCase("""{"type":"upsample","factor":2000000000}""", "m.json: $.layers[0]: an upsampling by 2000000000 of [B, 6, 8, 4]")]
    public void A_mistake_is_named_at_its_place(string layers, string message) => Assert.That(
        () => ModelFile.Parse($$"""{"input":[4,6,8],"layers":[{{layers}}],"loss":"mse"}""", "m.json"),
        Throws.TypeOf<DataException>().With.Message.StartsWith(message));

    [Test]
    public void Weights_and_statistics_have_the_names_of_the_twin()
    {
        var model = new Sequential(new BatchNorm(2), new GroupNorm(1, 2));
        model.Initialize(1);
        var norm = (BatchNorm)model.Layers[0];
        norm.RunningMean.Set([1, 2]);
        norm.BatchesTracked.Set([77]);
        WeightsFile.Save(FilePath, model);
        SafetensorsFile file = SafetensorsFile.Read(FilePath);
        Assert.That(file.Tensors.Select(tensor => tensor.ToString()), Is.EquivalentTo(new[]
        {
            "0.weight F32 [2]", "0.bias F32 [2]", "0.running_mean F32 [2]", "0.running_var F32 [2]", "0.num_batches_tracked I64 []",
            "1.weight F32 [2]", "1.bias F32 [2]",
        }));
        var loaded = new Sequential(new BatchNorm(2), new GroupNorm(1, 2));
        WeightsFile.Load(FilePath, loaded);
        norm = (BatchNorm)loaded.Layers[0];
        Assert.That((norm.RunningMean.Value[1], norm.RunningVariance.Value[1], norm.BatchesTracked.Value[0]), Is.EqualTo((2f, 1f, 77f)));
    }

    private static void AssertRoundTrip(string input, string layer)
    {
        string behind = layer.Contains("global") ? "" : ",{\"type\":\"flatten\"}";
        string text = $"{{{input},\"layers\":[{layer}{behind},{{\"type\":\"linear\",\"units\":2}}],\"loss\":\"mse\"}}";
        Assert.That(ModelFile.Format(ModelFile.Parse(text, "m.json")), Is.EqualTo(text));
    }
}
