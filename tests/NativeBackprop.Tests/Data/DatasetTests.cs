using NativeBackprop.Data;
using NUnit.Framework;

namespace NativeBackprop.Tests.Data;

[TestFixture]
public sealed class DatasetTests
{
    [Test]
    public void A_data_set_of_labels_keeps_what_it_was_given()
    {
        Dataset data = Dataset.FromLabels("toy", [1, 2, 3, 4, 5, 6, 7, 8], 4, [2, 0], 3, [2, 2]);
        Assert.That(data.Name, Is.EqualTo("toy"));
        Assert.That(data.Count, Is.EqualTo(2));
        Assert.That(data.Features, Is.EqualTo(4));
        Assert.That(data.InputShape.ToArray(), Is.EqualTo(new[] { 2, 2 }));
        Assert.That(data.Inputs.ToArray(), Is.EqualTo(new float[] { 1, 2, 3, 4, 5, 6, 7, 8 }));
        Assert.That(data.IsClassification, Is.True);
        Assert.That(data.Labels.ToArray(), Is.EqualTo(new[] { 2, 0 }));
        Assert.That(data.Classes, Is.EqualTo(3));
        Assert.That(data.TargetWidth, Is.Zero);
        Assert.That(data.Targets.IsEmpty, Is.True);
    }

    [Test]
    public void A_data_set_of_targets_keeps_what_it_was_given()
    {
        Dataset data = Dataset.FromTargets("toy", [1, 2, 3], 1, [.1f, .2f, .3f, .4f, .5f, .6f], 2);
        Assert.That(data.Count, Is.EqualTo(3));
        Assert.That(data.InputShape.ToArray(), Is.EqualTo(new[] { 1 }));
        Assert.That(data.IsClassification, Is.False);
        Assert.That(data.Classes, Is.Zero);
        Assert.That(data.Labels.IsEmpty, Is.True);
        Assert.That(data.TargetWidth, Is.EqualTo(2));
        Assert.That(data.Targets.ToArray(), Is.EqualTo(new[] { .1f, .2f, .3f, .4f, .5f, .6f }));
    }

    private static IEnumerable<TestCaseData> Mistakes()
    {
        static TestCaseData Case(string message, Func<Dataset> make) => new TestCaseData(make, message).SetArgDisplayNames(message);

        yield return Case("toy: the data set is empty, expected at least 1 row", () => Dataset.FromLabels("toy", [], 2, [], 2));
        yield return Case("toy: the data set is empty, expected at least 1 row", () => Dataset.FromTargets("toy", [], 2, [], 2));
        yield return Case("toy: expected at least 1 feature, found 0", () => Dataset.FromLabels("toy", [], 0, [], 2));
        yield return Case(
            "toy: 5 input values are not a whole number of rows of 2 features",
            () => Dataset.FromLabels("toy", new float[5], 2, [0, 1], 2));
        yield return Case(
            "toy: expected 2 labels, one for each input row, found 3", () => Dataset.FromLabels("toy", new float[4], 2, [0, 1, 1], 2));
        yield return Case("toy: expected at least 1 class, found 0", () => Dataset.FromLabels("toy", new float[4], 2, [0, 0], 0));
        yield return Case("toy: label 3 in row 1 is outside 0..2", () => Dataset.FromLabels("toy", new float[4], 2, [0, 3], 3));
        yield return Case("toy: label -1 in row 0 is outside 0..2", () => Dataset.FromLabels("toy", new float[4], 2, [-1, 0], 3));
        yield return Case(
            "toy: an input shape of (2, 3) does not hold 4 features", () => Dataset.FromLabels("toy", new float[4], 4, [0], 1, [2, 3]));
        yield return Case(
            "toy: an input shape of (-2, -2) does not hold 4 features", () => Dataset.FromLabels("toy", new float[4], 4, [0], 1, [-2, -2]));
        yield return Case(
            "toy: an input shape of (65536, 65536, 4) does not hold 4 features",
            () => Dataset.FromLabels("toy", new float[4], 4, [0], 1, [65536, 65536, 4]));
        yield return Case("toy: expected a target width of at least 1, found 0", () => Dataset.FromTargets("toy", new float[4], 2, [], 0));
        yield return Case(
            "toy: expected 6 target values (2 rows of 3), found 4", () => Dataset.FromTargets("toy", new float[4], 2, new float[4], 3));
        yield return Case(
            "toy: input in row 1, column 0 is NaN, expected a finite number",
            () => Dataset.FromLabels("toy", [0, 0, float.NaN, 0], 2, [0, 0], 1));
        yield return Case(
            "toy: target in row 1, column 1 is -Infinity, expected a finite number",
            () => Dataset.FromTargets("toy", [0, 0], 1, [0, 0, 0, float.NegativeInfinity], 2));
    }

    [TestCaseSource(nameof(Mistakes))]
    public void A_mistake_is_one_line_that_names_it(Func<Dataset> make, string message) =>
        Assert.That(make, Throws.InstanceOf<DataException>().With.Message.EqualTo(message));

    [Test]
    public void The_check_for_finite_values_finds_the_first_culprit_at_every_position()
    {
        float[] values = new float[257];
        for (int length = 0; length <= values.Length; length++)
        {
            values.AsSpan().Fill(float.MaxValue);
            Assert.That(FiniteCheck.IndexOfNonFinite(values.AsSpan(0, length)), Is.EqualTo(-1));
        }

        foreach (float culprit in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
        {
            for (int position = 0; position < values.Length; position++)
            {
                values.AsSpan().Fill(-float.Epsilon);
                values[position] = culprit;
                values[^1] = culprit;
                Assert.That(FiniteCheck.IndexOfNonFinite(values), Is.EqualTo(position));
                Assert.That(FiniteCheck.IndexOfNonFinite(values.AsSpan(0, position)), Is.EqualTo(-1));
            }
        }
    }

    [Test]
    public void The_check_for_finite_values_finds_the_only_culprit_at_every_position_of_every_length()
    {
        // Odd and even numbers of vectors, with and without a tail, for vectors of any width.
        for (int length = 1; length <= 100; length++)
        {
            for (int position = 0; position < length; position++)
            {
                float[] values = new float[length];
                values[position] = float.NaN;
                Assert.That(FiniteCheck.IndexOfNonFinite(values), Is.EqualTo(position), $"length {length}");
            }
        }
    }

    [Test]
    public void The_check_for_finite_values_finds_a_culprit_in_a_late_block()
    {
        float[] values = new float[10_000];
        values[7_777] = float.NaN;
        Assert.That(FiniteCheck.IndexOfNonFinite(values), Is.EqualTo(7_777));
    }

    [Test]
    public void A_split_in_file_order_tests_on_the_last_rows()
    {
        (Dataset train, Dataset? test) = Numbered(10).Split(0.3, shuffle: false, seed: 1);
        Assert.That(train.Labels.ToArray(), Is.EqualTo(new[] { 0, 1, 2, 3, 4, 5, 6 }));
        Assert.That(test!.Labels.ToArray(), Is.EqualTo(new[] { 7, 8, 9 }));
        Assert.That(test.Inputs.ToArray(), Is.EqualTo(new float[] { 70, 71, 80, 81, 90, 91 }));
        Assert.That(test.Classes, Is.EqualTo(10));
        Assert.That(test.InputShape.ToArray(), Is.EqualTo(new[] { 2, 1 }));
    }

    [Test]
    public void A_shuffled_split_is_the_fixed_permutation_of_the_seed_and_keeps_rows_whole()
    {
        (Dataset train, Dataset? test) = Numbered(10).Split(0.2, shuffle: true, seed: 5);
        Assert.That(train.Labels.ToArray(), Is.EqualTo(new[] { 6, 5, 3, 7, 9, 8, 4, 1 }));
        Assert.That(test!.Labels.ToArray(), Is.EqualTo(new[] { 2, 0 }));
        foreach (Dataset side in new[] { train, test })
        {
            for (int row = 0; row < side.Count; row++)
            {
                Assert.That(
                    side.Inputs.Slice(row * 2, 2).ToArray(), Is.EqualTo(new[] { 10f * side.Labels[row], (10f * side.Labels[row]) + 1 }));
            }
        }
    }

    [Test]
    public void A_split_of_targets_keeps_input_and_target_together()
    {
        Dataset data = Dataset.FromTargets("toy", [0, 1, 2, 3, 4], 1, [0, 10, 1, 11, 2, 12, 3, 13, 4, 14], 2);
        (Dataset train, Dataset? test) = data.Split(0.4, shuffle: true, seed: 3);
        Assert.That(train.Count + test!.Count, Is.EqualTo(5));
        foreach (Dataset side in new[] { train, test })
        {
            for (int row = 0; row < side.Count; row++)
            {
                Assert.That(side.Targets.Slice(row * 2, 2).ToArray(), Is.EqualTo(new[] { side.Inputs[row], side.Inputs[row] + 10 }));
            }
        }
    }

    [Test]
    public void A_split_of_zero_trains_on_everything()
    {
        Dataset data = Numbered(3);
        (Dataset train, Dataset? test) = data.Split(0, shuffle: true, seed: 1);
        Assert.That(train, Is.SameAs(data));
        Assert.That(test, Is.Null);
    }

    [TestCase(0.04, "toy: a test fraction of 0.04 of 10 rows leaves no test row; expected at least 1 on each side")]
    [TestCase(0.96, "toy: a test fraction of 0.96 of 10 rows leaves no training row; expected at least 1 on each side")]
    public void A_split_that_leaves_a_side_empty_is_refused(double fraction, string message) =>
        Assert.That(() => Numbered(10).Split(fraction, false, 1), Throws.InstanceOf<DataException>().With.Message.EqualTo(message));

    [TestCase(-0.1, "test fraction: expected a number in [0, 1), found -0.1")]
    [TestCase(1, "test fraction: expected a number in [0, 1), found 1")]
    [TestCase(double.NaN, "test fraction: expected a number in [0, 1), found NaN")]
    public void A_fraction_to_split_off_outside_its_domain_is_refused(double fraction, string message) =>
        Assert.That(() => Numbered(10).Split(fraction, false, 1), Throws.InstanceOf<OptionException>().With.Message.EqualTo(message));

    [Test]
    public void Gathering_copies_runs_and_singles_and_leaves_the_rest_alone()
    {
        Dataset data = Numbered(10);
        int[] rows = [3, 4, 5, 5, 0, 9, 8];
        float[] inputs = new float[16];
        inputs.AsSpan().Fill(-1);
        data.Gather(rows, inputs);
        Assert.That(inputs, Is.EqualTo(new float[] { 30, 31, 40, 41, 50, 51, 50, 51, 0, 1, 90, 91, 80, 81, -1, -1 }));
        int[] labels = new int[7];
        data.GatherLabels(rows, labels);
        Assert.That(labels, Is.EqualTo(rows));
    }

    [TestCase(new[] { 0, 10 }, 10)]
    [TestCase(new[] { 8, 9, 10, 11 }, 10)]
    [TestCase(new[] { -1, 0 }, -1)]
    [TestCase(new[] { int.MaxValue, int.MinValue }, int.MaxValue)]
    public void Gathering_names_a_row_out_of_range(int[] rows, int culprit) =>
        Assert.That(
            () => Numbered(10).Gather(rows, new float[64]),
            Throws.InstanceOf<DataException>().With.Message.EqualTo($"toy: row {culprit} is outside 0..9"));

    [Test]
    public void Gathering_refuses_a_destination_that_is_too_small() =>
        Assert.That(
            () => Numbered(10).Gather([1, 2], new float[3]),
            Throws.InstanceOf<ShapeException>().With.Message.EqualTo("toy: 2 rows of 2 need 4 values, the destination has 3"));

    [Test]
    public void Gathering_refuses_what_the_data_set_does_not_have()
    {
        Assert.That(() => Numbered(2).GatherTargets([0], new float[1]), Throws.InvalidOperationException);
        Assert.That(() => Dataset.FromTargets("t", [1], 1, [1], 1).GatherLabels([0], new int[1]), Throws.InvalidOperationException);
    }

    [Test]
    public void A_subset_of_no_row_is_refused() =>
        Assert.That(
            () => Numbered(2).Subset([]),
            Throws.InstanceOf<DataException>().With.Message.EqualTo("toy: a subset needs at least 1 row, found 0"));

    /// <summary>Row r holds (10r, 10r + 1) and the label r.</summary>
    private static Dataset Numbered(int count) => Dataset.FromLabels(
        "toy",
        [.. Enumerable.Range(0, count).SelectMany(r => new[] { 10f * r, (10f * r) + 1 })],
        2,
        [.. Enumerable.Range(0, count)],
        count,
        [2, 1]);

    [Test]
    public void What_the_caller_does_to_his_arrays_later_changes_nothing()
    {
        float[] inputs = [1, 2, 3, 4], targets = [5, 6];
        int[] labels = [0, 1];
        Dataset classes = Dataset.FromLabels("classes", inputs, 2, labels, 2);
        Dataset numbers = Dataset.FromTargets("numbers", inputs, 2, targets, 1);
        (inputs[0], targets[0], labels[0]) = (float.NaN, float.NaN, 1_000_000);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(classes.Inputs.ToArray(), Is.EqualTo(new float[] { 1, 2, 3, 4 }));
            Assert.That(classes.Labels.ToArray(), Is.EqualTo(new[] { 0, 1 }));
            Assert.That(numbers.Inputs.ToArray(), Is.EqualTo(new float[] { 1, 2, 3, 4 }));
            Assert.That(numbers.Targets.ToArray(), Is.EqualTo(new float[] { 5, 6 }));
        }
    }
}
