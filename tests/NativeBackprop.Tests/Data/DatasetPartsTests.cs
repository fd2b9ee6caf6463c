using NativeBackprop.Data;
using NativeBackprop.IO;
using NUnit.Framework;

namespace NativeBackprop.Tests.Data;

/// <summary>Data sets of indices, of several labels a row, and of rows of unequal length.</summary>
[TestFixture]
internal sealed class DatasetPartsTests
{
    private static readonly DatasetParts _sequences = new()
    {
        Indices = [0, 1, 2, 3, 4, 5], IndexBound = 6, InputShape = [3], Labels = [1, 2, -100, 0, 1, 2], Classes = 3, LabelsPerRow = 3,
        Lengths = [3, 1],
    };

    [Test]
    public void Parts_come_out_as_they_went_in_and_are_copies()
    {
        int[] indices = [.. _sequences.Indices];
        Dataset data = Dataset.Create("toy", _sequences with { Indices = indices });
        indices[0] = 99;
        Assert.Multiple(() =>
        {
            Assert.That((data.Count, data.Features, data.LabelsPerRow, data.Classes, data.IndexBound), Is.EqualTo((2, 3, 3, 3, 6)));
            Assert.That(data.Indices.ToArray(), Is.EqualTo(new[] { 0, 1, 2, 3, 4, 5 }));
            Assert.That(data.Labels.ToArray(), Is.EqualTo(new[] { 1, 2, -100, 0, 1, 2 }));
            Assert.That(data.Lengths.ToArray(), Is.EqualTo(new[] { 3, 1 }));
            Assert.That(data.Inputs.IsEmpty && data.HasIndices && data.IsClassification);
        });
    }

    [Test]
    public void A_subset_has_the_rows_of_every_part()
    {
        Dataset data = Dataset.Create("toy", _sequences).Subset([1, 0, 1]);
        int[] indices = new int[9], labels = new int[9], lengths = new int[3];
        data.GatherIndices([0, 1, 2], indices);
        data.GatherLabels([0, 1, 2], labels);
        data.GatherLengths([0, 1, 2], lengths);
        Assert.That(data.Count, Is.EqualTo(3));
        Assert.That(indices, Is.EqualTo(new[] { 3, 4, 5, 0, 1, 2, 3, 4, 5 }));
        Assert.That(labels, Is.EqualTo(new[] { 0, 1, 2, 1, 2, -100, 0, 1, 2 }));
        Assert.That(lengths, Is.EqualTo(new[] { 1, 3, 1 }));
        Assert.That(() => data.Gather([0], new float[3]), Throws.InvalidOperationException.With.Message.Contains("indices"));
    }

    [Test]
    public void Without_lengths_every_step_counts()
    {
        int[] lengths = new int[2];
        Dataset.Create("toy", _sequences with { Lengths = [] }).GatherLengths([1, 0], lengths);
        Assert.That(lengths, Is.EqualTo(new[] { 3, 3 }));
    }

    private static IEnumerable<TestCaseData> Mistakes()
    {
        static TestCaseData Case(string message, DatasetParts parts) => new TestCaseData(parts, message).SetArgDisplayNames(message);

        yield return Case("toy: index 5 in row 1, column 2 is outside 0..4", _sequences with { IndexBound = 5 });
        yield return Case("toy: indices need a bound of at least 1, found 0", _sequences with { IndexBound = 0 });
        yield return Case("toy: expected inputs or indices, found both", _sequences with { Inputs = new float[6] });
        yield return Case("toy: expected labels or targets, found both", _sequences with { TargetWidth = 1, Targets = [1, 2] });
        yield return Case("toy: expected 6 labels, 3 for each of 2 rows, found 5", _sequences with { Labels = [1, 2, 0, 0, 0] });
        yield return Case("toy: expected at least 1 label a row, found 0", _sequences with { LabelsPerRow = 0 });
        yield return Case("toy: label -1 in row 0, column 0 is outside 0..2", _sequences with { Labels = [-1, 2, 0, 0, 0, 1] });
        yield return Case("toy: length 0 in row 0 is outside 1..3", _sequences with { Lengths = [0, 1] });
        yield return Case("toy: length 4 in row 1 is outside 1..3", _sequences with { Lengths = [1, 4] });
        yield return Case("toy: expected 2 lengths, one for each input row, found 1", _sequences with { Lengths = [1] });
        yield return Case("toy: the data set is empty, expected at least 1 row", _sequences with { Indices = [] });
        yield return Case("toy: 6 input values are not a whole number of rows of 4 features", _sequences with { InputShape = [4] });
        yield return Case(
            "toy: a row needs extents of at least 1 and a product below 2^31, found (65536, 65536)",
            _sequences with { InputShape = [65536, 65536] });
        yield return Case("toy: a row needs extents of at least 1 and a product below 2^31, found ()", _sequences with { InputShape = [] });
    }

    [TestCaseSource(nameof(Mistakes))]
    public void A_mistake_is_named_with_its_place(DatasetParts parts, string message) =>
        Assert.That(() => Dataset.Create("toy", parts), Throws.TypeOf<DataException>().With.Message.EqualTo(message));

    [Test]
    public void A_batch_file_of_indices_holds_labels_of_each_step_and_lengths()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("b.safetensors");
        SafetensorsFile.Write(
            path,
            [
                SafetensorsTensor.Create("x", [2, 3], [0L, 1, 2, 3, 4, 5]), SafetensorsTensor.Create("y", [2, 3], [1L, 2, -100, 0, 1, 2]),
                SafetensorsTensor.Create("lengths", [2], [3L, 1]),
            ]);
        Dataset data = BatchFile.Open(path);
        Assert.That((data.Count, data.IndexBound, data.Classes, data.LabelsPerRow), Is.EqualTo((2, 6, 3, 3)));
        Assert.That(data.Labels.ToArray(), Is.EqualTo(_sequences.Labels));
        Assert.That(data.Lengths.ToArray(), Is.EqualTo(_sequences.Lengths));
        Assert.That(data.InputShape.ToArray(), Is.EqualTo(new[] { 3 }));
    }
}
