using System.Reflection;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Tests.Execution;
using NativeBackprop.Tests.Losses;
using NUnit.Framework;

namespace NativeBackprop.Tests.Ops;

/// <summary>The table is whole: reflection finds every op, and each has a row or is shown to be run by another's.</summary>
[TestFixture]
internal sealed class OpTableTests
{
    // Leaves compute nothing and have no gradient: a row that stands on them is all there is to try.
    private static readonly Dictionary<string, string> Leaves = new()
    {
        [nameof(Input)] = "add",
        [nameof(Indices)] = "one_hot",
        ["Cotangent"] = "add",
    };

    // Ops that are there for what they do besides giving a result have tests of their own.
    private static readonly Dictionary<Type, (Type Fixture, string Name)> OwnTests = new()
    {
        [typeof(Counter)] = (typeof(CounterTests), nameof(CounterTests.A_counter_counts_as_the_reference_and_carries)),
        [typeof(Assign)] = (typeof(AssignTests), nameof(AssignTests.A_variable_takes_the_value_as_the_reference_does)),
        [typeof(RunningStatistics)] =
            (typeof(RunningStatisticsTests), nameof(RunningStatisticsTests.Running_statistics_follow_the_batches_as_the_reference_does)),
        [typeof(LabelsWithin)] = (typeof(SequenceLossTests), nameof(SequenceLossTests.Only_steps_with_a_class_within_the_length_count)),
        [typeof(CheckFinite)] = (typeof(CommitTests), nameof(CommitTests.Several_values_are_checked_by_one_op_on_any_number_of_threads)),
    };

    public static IEnumerable<Type> Ops => typeof(Op).Assembly.GetTypes().Where(type => !type.IsAbstract && type.IsSubclassOf(typeof(Op)));

    [TestCaseSource(nameof(Ops))]
    public void Every_op_has_a_row(Type op)
    {
        if (op.IsSubclassOf(typeof(Update)) || op == typeof(Variable))
        {
            Assert.That(UpdateTable.Rows.Select(row => row.Op.GetType()).Append(typeof(Variable)), Does.Contain(op),
                $"{op.Name} needs a row in UpdateTable");
        }
        else if (OwnTests.TryGetValue(op, out (Type Fixture, string Name) test))
        {
            Assert.That(test.Fixture.GetMethod(test.Name), Is.Not.Null);
        }
        else if (op.IsSubclassOf(typeof(Leaf)))
        {
            Assert.That(Leaves, Does.ContainKey(op.Name), $"the leaf {op.Name} needs a row that stands on it");
            var example = new OpCase(OpTable.Rows.Single(row => row.Name == Leaves[op.Name]), 5, 3);
            Assert.That(
                example.Graph.Nodes.Any(node => node.Op.GetType() == op), Is.True, $"{Leaves[op.Name]} does not stand on {op.Name}");
        }
        else
        {
            Assert.That(OpTable.Rows.Select(row => row.Op), Does.Contain(op), $"{op.Name} needs a row in OpTable");
        }
    }

    [Test]
    public void Every_layer_and_loss_has_a_row()
    {
        static IEnumerable<Type> Heirs(Type type) => type.Assembly.GetTypes().Where(heir => !heir.IsAbstract && heir.IsSubclassOf(type));
        Assert.That(NetworkTable.Layers.Select(row => row.Op).Distinct(), Is.EquivalentTo(Heirs(typeof(Layer))));
        Assert.That(NetworkTable.Losses.Select(row => row.Op).Distinct(), Is.EquivalentTo(Heirs(typeof(Loss))));
    }

    [TestCaseSource(typeof(OpTable), nameof(OpTable.Rows))]
    public void A_row_builds_its_op_under_a_unique_name(object source)
    {
        var row = (OpRow)source;
        Assert.That(new OpCase(row, 5, 3).Result.Op, Is.TypeOf(row.Op));
        Assert.That(OpTable.Rows.Count(other => other.Name == row.Name), Is.EqualTo(1));
    }

    [Test]
    public void Rows_of_updates_read_their_parameter_as_a_variable()
    {
        foreach (UpdateRow row in UpdateTable.Rows)
        {
            Assert.That(new UpdateCase(row, 5).Step.Inputs[0].Op, Is.TypeOf<Variable>(), row.Name);
        }
    }

    // Reflection finds the records; the table says what each is, under which name and with which default.
    [Test]
    public void Every_activation_is_what_its_row_creates()
    {
        Elementwise[] records =
        [
            .. Ops.Where(type => type.IsPublic && type.IsSubclassOf(typeof(Elementwise))).Select(type =>
                (Elementwise)Activator.CreateInstance(
                    type, [.. type.GetConstructors()[0].GetParameters().Select(parameter => parameter.DefaultValue)])!),
        ];
        Assert.That(records.Select(record => record.Row), Is.EquivalentTo(Functions.All.Where(row => row.Op is not null)));
        foreach (Elementwise record in records)
        {
            Assert.That(record.Row.Create(record.Row.Parameter?.Default ?? 0), Is.EqualTo(record));
            Assert.That(record.Row.Name, Is.EqualTo(Operation.SnakeCase(record.GetType().Name)));
            Assert.That(Functions.Create(record.Name), Is.EqualTo(record));
        }

        FieldInfo[] rows = [.. typeof(Functions).GetFields().Where(field => field.FieldType == typeof(FunctionRow))];
        Assert.That(rows.Select(field => field.GetValue(null)), Is.EquivalentTo(Functions.All));
        Assert.That(typeof(Binary).GetFields().Where(field => field.FieldType == typeof(Binary)).Select(field => field.GetValue(null)),
            Is.EquivalentTo(Binary.All));
    }

    [Test]
    public void Elementwise_rows_are_smooth_where_they_are_tried()
    {
        foreach (OpRow row in OpTable.ElementwiseRows)
        {
            var example = new OpCase(row, 5, 3);
            var function = (Elementwise)example.Result.Op;
            Assert.That(example[example.Operands[0]].ToArray().Any(x => function.Row.Kinks.Contains(x)), Is.False, row.Name);
        }
    }
}
