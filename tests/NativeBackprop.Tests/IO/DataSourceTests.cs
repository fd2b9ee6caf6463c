using NativeBackprop.Data;
using NativeBackprop.IO;
using NativeBackprop.Tests.Data;
using NUnit.Framework;

namespace NativeBackprop.Tests.IO;

[TestFixture]
internal sealed class DataSourceTests
{
    private TemporaryFolder _folder;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [Test]
    public void Digits_come_from_the_given_stream_which_is_closed()
    {
        FileStream stream = File.OpenRead(CsvDataTests.DigitsPath());
        (Dataset data, Dataset? test) = DataSource.Open("digits", () => stream);
        Assert.That(data.Count, Is.EqualTo(1797));
        Assert.That(test, Is.Null);
        Assert.That(stream.CanRead, Is.False);
    }

    [Test]
    public void A_folder_is_IDX()
    {
        _folder.Write("train-images-idx3-ubyte", [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 255]);
        _folder.Write("train-labels-idx1-ubyte", [0, 0, 8, 1, 0, 0, 0, 1, 3]);
        Assert.That(Open(_folder.Path).Train.Labels.ToArray(), Is.EqualTo(new[] { 3 }));
    }

    [Test]
    public void CSV_takes_its_options()
    {
        string path = _folder.Write("a.CSV", "y,x\n0.5,1\n1.5,2\n");
        Dataset data = Open(path, new DataSourceOptions { Regression = true, TargetColumn = "y" }).Train;
        Assert.That(data.Targets.ToArray(), Is.EqualTo(new[] { 0.5f, 1.5f }));
        string zipped = _folder.Write("b.csv.gz", TemporaryFolder.Gzip("1,0\n2,1\n"u8.ToArray()));
        Assert.That(Open(zipped, new DataSourceOptions { Classes = 4 }).Train.Classes, Is.EqualTo(4));
    }

    [Test]
    public void A_batch_may_have_labels()
    {
        string path = Batch(X([2, 2, 3]), SafetensorsTensor.Create("y", [2], new long[] { 4, 0 }));
        Dataset data = Open(path).Train;
        Assert.That(data.Count, Is.EqualTo(2));
        Assert.That(data.Features, Is.EqualTo(6));
        Assert.That(data.InputShape.ToArray(), Is.EqualTo(new[] { 2, 3 }));
        Assert.That(data.Inputs.ToArray(), Is.EqualTo(Enumerable.Range(0, 12).Select(i => (float)i)));
        Assert.That(data.Labels.ToArray(), Is.EqualTo(new[] { 4, 0 }));
        Assert.That(data.Classes, Is.EqualTo(5));
        Assert.That(Open(path, new DataSourceOptions { Classes = 7 }).Train.Classes, Is.EqualTo(7));
    }

    [Test]
    public void A_batch_may_have_targets()
    {
        string path = Batch(X([2, 3]), SafetensorsTensor.Create("y", [2, 1], new[] { 0.25f, 0.5f }));
        Dataset data = Open(path).Train;
        Assert.That(data.IsClassification, Is.False);
        Assert.That(data.TargetWidth, Is.EqualTo(1));
        Assert.That(data.Targets.ToArray(), Is.EqualTo(new[] { 0.25f, 0.5f }));
    }

    private static IEnumerable<TestCaseData> BadBatches()
    {
        static TestCaseData Case(string message, params SafetensorsTensor[] tensors) =>
            new TestCaseData(message, tensors).SetArgDisplayNames(message);
        SafetensorsTensor labels = SafetensorsTensor.Create("y", [2], new long[] { 0, 1 });

        yield return Case("expected a tensor 'x', found y", labels);
        yield return Case("expected a tensor 'y', found x", X([2, 3]));
        yield return Case(
            "expected the tensors x and y, and maybe lengths, found 'z'", X([2, 3]), labels,
            SafetensorsTensor.Create("z", [], new[] { 1f }));
        yield return Case("expected x as F32 [N, …] or I64 [N, T], found x F32 [2]", X([2]), labels);
        yield return Case("expected x as F32 [N, …] or I64 [N, T], found x F64 [2, 1]",
            SafetensorsTensor.Create("x", [2, 1], new double[2]), labels);
        yield return Case("expected y as I64 [3] or [3, T], or F32 [3, …], found y I64 [2]", X([3, 2]), labels);
        yield return Case(
            "expected y as I64 [2] or [2, T], or F32 [2, …], found y F32 [2]", X([2, 3]),
            SafetensorsTensor.Create("y", [2], new float[2]));
        yield return Case("expected y as I64 [2] or [2, T], or F32 [2, …], found y I64 []",
            X([2, 3]), SafetensorsTensor.Create("y", [], new long[1]));
        yield return Case(
            "the data set is empty, expected at least 1 row", X([0, 3]), SafetensorsTensor.Create("y", [0], Array.Empty<long>()));
        yield return Case("the data set is empty, expected at least 1 row", X([2, 0]), labels);
        yield return Case(
            "expected y as I64 [2] or [2, T], or F32 [2, …], found y F32 [2, 0]", X([2, 3]),
            SafetensorsTensor.Create("y", [2, 0], Array.Empty<float>()));
        yield return Case(
            "label 4294967296 in row 1 is outside 0..2147483646", X([2, 3]),
            SafetensorsTensor.Create("y", [2], new long[] { 0, 1L << 32 }));
        yield return Case(
            "label -1 in row 0 is outside 0..2147483646", X([2, 3]), SafetensorsTensor.Create("y", [2], new long[] { -1, 0 }));
        yield return Case(
            "input in row 0, column 1 is NaN, expected a finite number",
            SafetensorsTensor.Create("x", [2, 2], new[] { 0, float.NaN, 0, 0 }), labels);
    }

    [TestCaseSource(nameof(BadBatches))]
    public void A_bad_batch_is_one_line_that_names_it(string message, SafetensorsTensor[] tensors)
    {
        string path = Batch(tensors);
        Assert.That(() => Open(path), Throws.InstanceOf<DataException>().With.Message.EqualTo($"{path}: {message}"));
    }

    [Test]
    public void A_label_outside_the_given_classes_is_named()
    {
        string path = Batch(X([2, 3]), SafetensorsTensor.Create("y", [2], new long[] { 0, 3 }));
        Assert.That(
            () => Open(path, new DataSourceOptions { Classes = 3 }),
            Throws.InstanceOf<DataException>().With.Message.EqualTo($"{path}: label 3 in row 1 is outside 0..2"));
    }

    [Test]
    public void An_unknown_source_is_told_what_there_is()
    {
        const string expected = ": expected digits, a folder of IDX files, or a file .csv, .csv.gz, .txt, .txt.gz or .safetensors, found ";
        string text = _folder.Write("a.pdf", "1,2\n");
        Assert.That(() => Open(text), Throws.InstanceOf<DataException>().With.Message.EqualTo(text + expected + "another file"));
        Assert.That(() => Open("digitz"), Throws.InstanceOf<DataException>().With.Message.EqualTo("digitz" + expected + "nothing"));
        string missing = _folder.File("no.safetensors");
        Assert.That(
            () => Open(missing), Throws.InstanceOf<DataException>().With.Message.EqualTo(missing + ": expected a file, found nothing"));
    }

    private static DataSplit Open(string spec, DataSourceOptions? options = null) =>
        DataSource.Open(spec, () => throw new AssertionException("the digits were not asked for"), options);

    private string Batch(params SafetensorsTensor[] tensors)
    {
        SafetensorsFile.Write(_folder.File("b.safetensors"), tensors);
        return _folder.File("b.safetensors");
    }

    private static SafetensorsTensor X(int[] shape) =>
        SafetensorsTensor.Create("x", shape, [.. Enumerable.Range(0, shape.Aggregate(1, (p, n) => p * n)).Select(i => (float)i)]);
}
