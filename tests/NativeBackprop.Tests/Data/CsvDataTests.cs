using System.Text;
using NativeBackprop.Data;
using NUnit.Framework;

namespace NativeBackprop.Tests.Data;

[TestFixture]
public sealed class CsvDataTests
{
    [TestCase("1,2,0\n3,4,2\n", TestName = "no header")]
    [TestCase("a,b,class\r\n1,2,0\r\n3,4,2", TestName = "header, CRLF, no line break at the end")]
    [TestCase("\uFEFFa,b,class\n1,2,0\n3,4,2\n", TestName = "byte order mark")]
    [TestCase("1;2;0\n3;4;2\n", TestName = "semicolons")]
    [TestCase("1\t2\t0\n3\t4\t2\n", TestName = "tabs")]
    [TestCase(" 1, 2.0 ,0\n\n\"3\",+4e0,2.0\n", TestName = "spaces, quotes, an empty line, a class as a real number")]
    public void Classes_are_in_the_last_column(string text)
    {
        Dataset data = Load(text);
        Assert.That(data.Count, Is.EqualTo(2));
        Assert.That(data.Features, Is.EqualTo(2));
        Assert.That(data.Inputs.ToArray(), Is.EqualTo(new float[] { 1, 2, 3, 4 }));
        Assert.That(data.Labels.ToArray(), Is.EqualTo(new[] { 0, 2 }));
        Assert.That(data.Classes, Is.EqualTo(3));
    }

    [Test]
    public void The_target_column_is_found_by_name_wherever_it_is()
    {
        Dataset data = Load("class,a,b\n2,1.5,-2\n0,3,4\n", new CsvOptions { TargetColumn = "class" });
        Assert.That(data.Inputs.ToArray(), Is.EqualTo(new[] { 1.5f, -2, 3, 4 }));
        Assert.That(data.Labels.ToArray(), Is.EqualTo(new[] { 2, 0 }));
    }

    [Test]
    public void A_header_of_numbers_is_recognised_by_the_target_column_in_it_or_by_option()
    {
        Assert.That(Load("0,1,target\n5,6,1\n", new CsvOptions { TargetColumn = "target" }).Count, Is.EqualTo(1));
        Assert.That(Load("0,1,2\n5,6,1\n", new CsvOptions { HasHeader = true }).Count, Is.EqualTo(1));
        Assert.That(Load("0,1,2\n5,6,1\n").Count, Is.EqualTo(2));
    }

    [Test]
    public void Regression_reads_real_targets()
    {
        Dataset data = Load("x,y\n1,0.25\n2,-7e-3\n", new CsvOptions { Regression = true });
        Assert.That(data.IsClassification, Is.False);
        Assert.That(data.TargetWidth, Is.EqualTo(1));
        Assert.That(data.Targets.ToArray(), Is.EqualTo(new[] { 0.25f, -7e-3f }));
        Assert.That(data.Inputs.ToArray(), Is.EqualTo(new float[] { 1, 2 }));
    }

    [Test]
    public void Options_scale_and_shape_inputs_and_fix_the_classes()
    {
        Dataset data = Load("0,4,8,16,1\n", new CsvOptions { InputDivisor = 16, InputShape = [2, 2], Classes = 5 });
        Assert.That(data.Inputs.ToArray(), Is.EqualTo(new[] { 0, 0.25f, 0.5f, 1 }));
        Assert.That(data.InputShape.ToArray(), Is.EqualTo(new[] { 2, 2 }));
        Assert.That(data.Classes, Is.EqualTo(5));
    }

    private static IEnumerable<TestCaseData> Mistakes()
    {
        static TestCaseData Case(string text, string message, CsvOptions? options = null) =>
            new TestCaseData(text, options, message).SetArgDisplayNames(message);

        yield return Case("", "toy: the data set is empty, expected at least 1 row");
        yield return Case("a,b\n", "toy: the data set is empty, expected at least 1 row");
        yield return Case("1\n2\n", "toy, line 1: expected at least 2 columns, an input and a target, found 1");
        yield return Case("1,2,0\n1,x7,0\n", "toy, line 2, column 2: 'x7' is not a finite number");
        yield return Case("1,2x,0\n1,2,0\n", "toy, line 1, column 2: '2x' is not a finite number");
        yield return Case("a,b,c\n\n1,,0\n", "toy, line 3, column 2 (b): '' is not a finite number");
        yield return Case("1,NaN,0\n", "toy, line 1, column 2: 'NaN' is not a finite number");
        yield return Case("1,1e39,0\n", "toy, line 1, column 2: '1e39' is not a finite number");
        yield return Case("1,2,0\n1,2,0.5\n", "toy, line 2, column 3: '0.5' is not a class (0, 1, 2, …)");
        yield return Case("1,2,-1\n", "toy, line 1, column 3: '-1' is not a class (0, 1, 2, …)");
        yield return Case("1,2,2147483647\n", "toy, line 1, column 3: '2147483647' is not a class (0, 1, 2, …)");
        yield return Case("1,2,cat\n", "toy, line 1, column 3: 'cat' is not a class (0, 1, 2, …)");
        yield return Case("1,2,3\n", "toy, line 1, column 3: '3' is not a class in 0..2", new CsvOptions { Classes = 3 });
        yield return Case("1,x\n", "toy, line 1, column 2: 'x' is not a finite number", new CsvOptions { Regression = true });
        yield return Case("1,2,0\n1,2\n", "toy, line 2: expected 3 columns, found 2");
        yield return Case("1,2,0\n1,2,3,0\n", "toy, line 2: expected 3 columns, found 4");
        yield return Case("a,b,c\n1,2,0\n", "toy: expected a column named 'd', found a, b, c", new CsvOptions { TargetColumn = "d" });
        yield return Case("1,2,0\n", "toy: expected a column named 'd', found no header", new CsvOptions { TargetColumn = "d" });
        yield return Case("1,2,0\n1,\"2\n3\",0\n", "toy, line 2, column 2: '2 3' is not a finite number");
    }

    [TestCaseSource(nameof(Mistakes))]
    public void A_mistake_is_one_line_that_names_the_place(string text, CsvOptions? options, string message) =>
        Assert.That(() => Load(text, options), Throws.InstanceOf<DataException>().With.Message.EqualTo(message));

    [Test]
    public void An_unclosed_quote_is_an_error() =>
        Assert.That(() => Load("1,2,0\n1,\"2,0\n"), Throws.InstanceOf<DataException>().With.Message.StartsWith("toy, line 2"));

    [Test]
    public void A_file_is_read_and_named_whether_plain_or_gzipped()
    {
        using var folder = new TemporaryFolder();
        byte[] text = Encoding.UTF8.GetBytes("1,2,0\n3,4,1\n");
        string plain = folder.Write("a.csv", text), zipped = folder.Write("a.csv.gz", TemporaryFolder.Gzip(text));
        Assert.That(CsvData.Load(plain).Inputs.ToArray(), Is.EqualTo(new float[] { 1, 2, 3, 4 }));
        Assert.That(CsvData.Load(zipped).Inputs.ToArray(), Is.EqualTo(new float[] { 1, 2, 3, 4 }));
        Assert.That(
            () => CsvData.Load(folder.File("no.csv")),
            Throws.InstanceOf<DataException>().With.Message.EqualTo($"{folder.File("no.csv")}: expected a file, found nothing"));
        Assert.That(
            () => CsvData.Load(folder.Path),
            Throws.InstanceOf<DataException>().With.Message.EqualTo($"{folder.Path}: expected a file, found a folder"));
    }

    [Test]
    public void A_gzipped_file_cut_at_a_row_end_is_an_error_and_not_a_shorter_data_set()
    {
        // Stored, not compressed: what is left of the cut file are whole rows, which only the length at its end refutes.
        string rows = string.Concat(Enumerable.Range(0, 2000).Select(i => $"{i % 10},{i % 7},{i % 3}\n"));
        using var memory = new MemoryStream();
        using (var gzip = new System.IO.Compression.GZipStream(memory, System.IO.Compression.CompressionLevel.NoCompression))
        {
            gzip.Write(Encoding.ASCII.GetBytes(rows));
        }

        byte[] whole = memory.ToArray();
        Assert.That(Load(new MemoryStream(whole)).Count, Is.EqualTo(2000));
        for (int cut = 8; cut < 8 + 12; cut++)
        {
            byte[] shorter = whole[..^cut];
            Assert.That(() => Load(new MemoryStream(shorter)), Throws.InstanceOf<DataException>(), $"{cut} bytes cut off");
        }

        Assert.That(
            () => Load(new MemoryStream([.. whole, .. whole])),
            Throws.InstanceOf<DataException>().With.Message.Contains("it is cut short or not one gzip file"));
    }

    [Test]
    public void Digits_are_the_whole_set_in_file_order()
    {
        using FileStream file = File.OpenRead(DigitsPath());
        Dataset digits = Digits.Load(file);
        Assert.That(digits.Name, Is.EqualTo("digits"));
        Assert.That(digits.Count, Is.EqualTo(1797));
        Assert.That(digits.Features, Is.EqualTo(64));
        Assert.That(digits.InputShape.ToArray(), Is.EqualTo(new[] { 8, 8 }));
        Assert.That(digits.Classes, Is.EqualTo(10));
        Assert.That(digits.Labels[..12].ToArray(), Is.EqualTo(new[] { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1 }));
        Assert.That(digits.Inputs[..8].ToArray(), Is.EqualTo(new[] { 0, 0, 5 / 16f, 13 / 16f, 9 / 16f, 1 / 16f, 0, 0 }));
        int[] histogram = new int[10];
        foreach (int label in digits.Labels)
        {
            histogram[label]++;
        }

        Assert.That(histogram, Is.EqualTo(new[] { 178, 182, 177, 183, 181, 182, 181, 179, 174, 180 }));
        float largest = 0, sum = 0;
        foreach (float pixel in digits.Inputs)
        {
            Assert.That(pixel, Is.GreaterThanOrEqualTo(0f));
            largest = Math.Max(largest, pixel);
            sum += pixel * 16;
        }

        Assert.That(largest, Is.EqualTo(1f));
        Assert.That(sum, Is.EqualTo(561718f), "the sum of all grey levels, counted by another program");
    }

    /// <summary>The data set in the repository that this test was built from.</summary>
    internal static string DigitsPath()
    {
        DirectoryInfo? folder = new(TestContext.CurrentContext.TestDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "NativeBackprop.sln")))
        {
            folder = folder.Parent;
        }

        Assert.That(folder, Is.Not.Null, "the tests run inside the repository");
        return Path.Combine(folder!.FullName, "data", "digits", "digits.csv.gz");
    }

    private static Dataset Load(string text, CsvOptions? options = null) => CsvData.Load(
        new MemoryStream(Encoding.UTF8.GetBytes(text)), "toy", options);

    private static Dataset Load(Stream stream) => CsvData.Load(stream, "toy");
}
