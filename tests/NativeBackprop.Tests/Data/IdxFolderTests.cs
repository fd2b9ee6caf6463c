using NativeBackprop.Data;
using NUnit.Framework;

namespace NativeBackprop.Tests.Data;

[TestFixture]
public sealed class IdxFolderTests
{
    private TemporaryFolder _folder;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [TestCase("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")]
    [TestCase("train-images.idx3-ubyte", "train-labels.idx1-ubyte")]
    [TestCase("images-idx3-ubyte", "labels-idx1-ubyte")]
    [TestCase("Digits.Images.idx3.ubyte", "Digits.Labels.idx1.ubyte")]
    public void One_pair_of_files_is_one_data_set(string images, string labels)
    {
        _folder.Write(images, Images(2, 3, 2, [0, 51, 102, 153, 204, 255, 1, 2, 3, 4, 5, 6]));
        _folder.Write(labels, Labels([7, 3]));
        _folder.Write("notes.txt", "not an IDX file");

        (Dataset data, Dataset? test) = IdxFolder.Load(_folder.Path);
        Assert.That(test, Is.Null);
        Assert.That(data.Count, Is.EqualTo(2));
        Assert.That(data.Features, Is.EqualTo(6));
        Assert.That(data.InputShape.ToArray(), Is.EqualTo(new[] { 3, 2 }));
        Assert.That(data.Classes, Is.EqualTo(8));
        Assert.That(data.Labels.ToArray(), Is.EqualTo(new[] { 7, 3 }));
        Assert.That(data.Inputs[..6].ToArray(), Is.EqualTo(new[] { 0f, 0.2f, 0.4f, 0.6f, 0.8f, 1f }));
        Assert.That(data.Inputs[6], Is.EqualTo(1f / 255));
    }

    [Test]
    public void Training_and_test_set_are_fixed_and_have_the_same_classes()
    {
        _folder.Write("train-images-idx3-ubyte.gz", TemporaryFolder.Gzip(Images(3, 1, 1, [10, 20, 30])));
        _folder.Write("train-labels-idx1-ubyte.gz", TemporaryFolder.Gzip(Labels([0, 1, 2])));
        _folder.Write("t10k-images-idx3-ubyte", Images(1, 1, 1, [40]));
        _folder.Write("t10k-labels-idx1-ubyte", Labels([4]));

        (Dataset train, Dataset? test) = IdxFolder.Load(_folder.Path);
        Assert.That(train.Labels.ToArray(), Is.EqualTo(new[] { 0, 1, 2 }));
        Assert.That(train.Inputs[2], Is.EqualTo(30f / 255));
        Assert.That(test!.Labels.ToArray(), Is.EqualTo(new[] { 4 }));
        Assert.That(new[] { train.Classes, test.Classes }, Is.All.EqualTo(5));
    }

    [Test]
    public void A_plain_file_is_preferred_to_its_gzipped_twin()
    {
        _folder.Write("train-images-idx3-ubyte", Images(1, 1, 1, [255]));
        _folder.Write("train-images-idx3-ubyte.gz", TemporaryFolder.Gzip(Images(1, 1, 1, [0])));
        _folder.Write("train-labels-idx1-ubyte", Labels([0]));
        Assert.That(IdxFolder.Load(_folder.Path).Train.Inputs[0], Is.EqualTo(1f));
    }

    [Test]
    public void A_file_larger_than_the_read_buffer_is_read_whole()
    {
        byte[] pixels = [.. Enumerable.Range(0, 5000 * 900).Select(i => (byte)(i * 7 / 3))];
        _folder.Write("train-images-idx3-ubyte.gz", TemporaryFolder.Gzip(Images(5000, 30, 30, pixels)));
        _folder.Write("train-labels-idx1-ubyte", Labels(new byte[5000]));
        Dataset data = IdxFolder.Load(_folder.Path).Train;
        Assert.That(data.Count, Is.EqualTo(5000));
        Assert.That(data.Inputs[^1], Is.EqualTo(pixels[^1] / 255f));
        Assert.That(data.Inputs[4_194_304], Is.EqualTo(pixels[4_194_304] / 255f));
    }

    [Test]
    public void The_folder_must_be_there_and_hold_pairs()
    {
        ExpectError(_folder.Path, ": expected files named PREFIX-images-idx3-ubyte[.gz] and PREFIX-labels-idx1-ubyte[.gz], found none");
        ExpectError(_folder.File("no"), ": expected a folder of IDX files, found nothing", _folder.File("no"));
        string file = _folder.Write("a", "a");
        ExpectError(file, ": expected a folder of IDX files, found a file", file);
        string images = _folder.Write("train-images-idx3-ubyte", Images(1, 1, 1, [1]));
        ExpectError(images, ": expected the labels of the same name beside it, found none");
        File.Move(images, _folder.File("b-labels-idx1-ubyte"));
        ExpectError(_folder.File("b-labels-idx1-ubyte"), ": expected the images of the same name beside it, found none");
    }

    [Test]
    public void Two_pairs_of_unknown_roles_are_not_guessed_at()
    {
        foreach (string prefix in new[] { "a", "train" })
        {
            _folder.Write($"{prefix}-images-idx3-ubyte", Images(1, 1, 1, [1]));
            _folder.Write($"{prefix}-labels-idx1-ubyte", Labels([1]));
        }

        ExpectError(
            _folder.Path,
            ": expected one pair of IDX files, or one pair named train and one named t10k or test, found a-images-idx3-ubyte, " +
                "train-images-idx3-ubyte");
    }

    [Test]
    public void Images_of_another_size_in_the_test_set_are_an_error()
    {
        _folder.Write("train-images-idx3-ubyte", Images(1, 2, 2, new byte[4]));
        _folder.Write("train-labels-idx1-ubyte", Labels([1]));
        string test = _folder.Write("t10k-images-idx3-ubyte", Images(1, 2, 3, new byte[6]));
        _folder.Write("t10k-labels-idx1-ubyte", Labels([1]));
        ExpectError(test, ": expected images of 2 × 2 as in the training set, found 2 × 3");
    }

    private static IEnumerable<TestCaseData> DamagedImages()
    {
        byte[] good = Images(2, 2, 2, new byte[8]);
        static TestCaseData Case(string name, byte[] content, string message) => new TestCaseData(content, message).SetArgDisplayNames(
            name);

        yield return Case("empty", [], ": an IDX header of 3 dimensions has 16 bytes, found 0");
        yield return Case("header cut", good[..15], ": an IDX header of 3 dimensions has 16 bytes, found 15");
        yield return Case("one byte missing", good[..^1], ": expected 8 bytes after the header, found 7");
        yield return Case("two bytes trailing", [.. good, 0, 0], ": expected 8 bytes after the header, found 10");
        yield return Case(
            "labels in place of images",
            Labels(new byte[12]),
            ": expected the IDX magic 0x00000803 (unsigned bytes, 3 dimensions), found 0x00000801");
        yield return Case(
            "floats",
            [0, 0, 0x0D, 3, .. good[4..]],
            ": expected the IDX magic 0x00000803 (unsigned bytes, 3 dimensions), found 0x00000d03");
        yield return Case("no image", Images(0, 2, 2, []), ": the data set is empty, expected at least 1 row");
        yield return Case("no pixel", Images(2, 0, 2, []), ": expected at least 1 feature, found 0");
        yield return Case(
            "dimensions overflow", Images(-1, -1, -1, []),
            ": dimensions of 4294967295 × 4294967295 × 4294967295 are 79228162458924105385300197375 bytes, at most " +
                $"{Array.MaxLength} can be read");
        yield return Case(
            "dimensions wrap to 0 in 64 bits",
            Images(2, int.MinValue, int.MinValue, []),
            $": dimensions of 2 × 2147483648 × 2147483648 are 9223372036854775808 bytes, at most {Array.MaxLength} can be read");
        yield return Case(
            "dimensions wrap to 0 in 32 bits",
            Images(4, 1 << 16, 1 << 16, []),
            $": dimensions of 4 × 65536 × 65536 are 17179869184 bytes, at most {Array.MaxLength} can be read");
        yield return Case(
            "promises a gigabyte", Images(1 << 10, 1 << 10, 1 << 10, new byte[3]), ": expected 1073741824 bytes after the header, found 3");
        yield return Case(
            "gzip cut short",
            TemporaryFolder.Gzip(Images(2, 30, 30, [.. Enumerable.Range(0, 1800).Select(i => (byte)(i * i >> 3))]))[..^30],
            ": expected 1800 bytes after the header, found ");
        yield return Case("gzip of 5 bytes", [0x1F, 0x8B, 8, 0, 0], ": a gzip file has at least 18 bytes, found 5");
        yield return Case("gzip damaged", [0x1F, 0x8B, .. Enumerable.Repeat((byte)0xFF, 30)], ": the gzip data is damaged");
    }

    [TestCaseSource(nameof(DamagedImages))]
    public void A_damaged_file_is_named_with_expected_and_actual(byte[] content, string message)
    {
        string images = _folder.Write("train-images-idx3-ubyte", content);
        _folder.Write("train-labels-idx1-ubyte", Labels(message.Contains("empty") ? [] : [0, 0]));
        ExpectError(images, message);
    }

    [Test]
    public void Fewer_labels_than_images_are_an_error()
    {
        _folder.Write("train-images-idx3-ubyte", Images(2, 1, 1, [1, 2]));
        string labels = _folder.Write("train-labels-idx1-ubyte", Labels([1]));
        ExpectError(labels, ": expected 2 labels, one for each image of train-images-idx3-ubyte, found 1");
    }

    private void ExpectError(string file, string message, string? path = null) =>
        Assert.That(() => IdxFolder.Load(path ?? _folder.Path), Throws.InstanceOf<DataException>().With.Message.StartsWith(file + message));

    private static byte[] Images(int count, int height, int width, byte[] pixels) =>
        [0, 0, 8, 3, .. BigEndian(count), .. BigEndian(height), .. BigEndian(width), .. pixels];

    private static byte[] Labels(byte[] labels) => [0, 0, 8, 1, .. BigEndian(labels.Length), .. labels];

    private static byte[] BigEndian(int value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];
}
