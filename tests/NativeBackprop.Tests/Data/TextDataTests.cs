using System.IO.Compression;
using System.Text;
using NativeBackprop.Data;
using NUnit.Framework;

namespace NativeBackprop.Tests.Data;

[TestFixture]
internal sealed class TextDataTests
{
    private TemporaryFolder _folder;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [Test]
    public void Windows_follow_each_other_and_targets_are_one_further_on()
    {
        Dataset data = TextData.Load(Write("abcabda"), 3);
        Assert.Multiple(() =>
        {
            Assert.That(data.ClassNames, Is.EqualTo(new[] { "a", "b", "c", "d" }));
            Assert.That(data.Indices.ToArray(), Is.EqualTo(new[] { 0, 1, 2, 0, 1, 3 }));
            Assert.That(data.Labels.ToArray(), Is.EqualTo(new[] { 1, 2, 0, 1, 3, 0 }));
            Assert.That((data.Count, data.Features, data.LabelsPerRow, data.Classes, data.IndexBound), Is.EqualTo((2, 3, 3, 4, 4)));
        });
    }

    [Test]
    public void What_does_not_fill_a_window_is_left_out_and_a_byte_order_mark_is_no_character()
    {
        string path = _folder.File("bom.txt");
        File.WriteAllText(path, "xyxyx", new UTF8Encoding(true));
        Dataset data = TextData.Load(path, 3);
        Assert.That(data.Count, Is.EqualTo(1));
        Assert.That(data.ClassNames, Is.EqualTo(new[] { "x", "y" }));
    }

    [Test]
    public void A_character_is_a_unicode_scalar_and_the_file_may_be_gzipped()
    {
        string path = _folder.File("t.txt.gz");
        using (var zip = new GZipStream(File.Create(path), CompressionLevel.Fastest))
        {
            zip.Write(Encoding.UTF8.GetBytes("é😀é"));
        }

        Dataset data = TextData.Load(path, 2);
        Assert.That(data.ClassNames, Is.EqualTo(new[] { "é", "😀" }));
        Assert.That(data.Labels.ToArray(), Is.EqualTo(new[] { 1, 0 }));
    }

    [Test]
    public void Known_characters_keep_their_indices_and_others_are_named_with_their_place()
    {
        string path = Write("ba\nab");
        Assert.That(TextData.Load(path, 4, ["z", "b", "\n", "a"]).Indices.ToArray(), Is.EqualTo(new[] { 1, 3, 2, 3 }));
        Assert.That(
            () => TextData.Load(path, 4, ["\n", "a"]),
            Throws.TypeOf<DataException>().With.Message.EqualTo(
                $"{path}: line 1, column 1: the character U+0062 is not among the 2 that are known"));
        Assert.That(
            () => TextData.Indices("text", "a\nax", ["a", "\n"]), Throws.TypeOf<DataException>().With.Message.Contains("line 2, column 2"));
    }

    [Test]
    public void A_text_that_is_none_is_refused()
    {
        string path = _folder.File("binary.txt");
        File.WriteAllBytes(path, [0x61, 0xFF, 0x62]);
        Assert.That(
            () => TextData.Load(path, 1), Throws.TypeOf<DataException>().With.Message.Contains("UTF-8").And.Message.Contains("at 1"));
        string small = Write("abc");
        Assert.That(
            () => TextData.Load(small, 3), Throws.TypeOf<DataException>().With.Message.Contains("more than 3 characters").And.Message
                .Contains("found 3"));
        Assert.That(() => TextData.Load(Write(""), 3), Throws.TypeOf<DataException>().With.Message.Contains("found 0"));
        Assert.That(() => TextData.Load(small, 0), Throws.TypeOf<OptionException>());
        Assert.That(() => TextData.Load(_folder.File("none.txt"), 3), Throws.TypeOf<DataException>());
    }

    private string Write(string text)
    {
        string path = _folder.File("t.txt");
        File.WriteAllText(path, text);
        return path;
    }
}
