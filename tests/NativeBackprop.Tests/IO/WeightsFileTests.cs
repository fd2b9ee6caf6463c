using NativeBackprop.IO;
using NativeBackprop.Layers;
using NativeBackprop.Ops;
using NUnit.Framework;

namespace NativeBackprop.Tests.IO;

[TestFixture]
internal sealed class WeightsFileTests : TensorFileTests
{
    private static Sequential Model() => new(
        new Linear(3, 2), new Relu(), new LowRankLinear(2, 4, 1), new Prelu(), new LayerNorm(4), new Residual(new Linear(4, 4)), new Gated(
            [new Linear(4, 2)], [new Linear(4, 2, bias: false)]));

    [Test]
    public void Matrices_are_stored_transposed_and_named_by_position()
    {
        var model = new Sequential(new Relu(), new Linear(3, 2));
        model.Parameters["1.weight"].Set([1, 2, 3, 4, 5, 6]);
        model.Parameters["1.bias"].Set([7, 8]);
        WeightsFile.Save(FilePath, model);
        SafetensorsFile file = SafetensorsFile.Read(FilePath);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(file.Tensors.Select(tensor => $"{tensor}"), Is.EqualTo(new[] { "1.bias F32 [2]", "1.weight F32 [2, 3]" }));
            Assert.That(file["1.weight"].AsSingle().ToArray(), Is.EqualTo(new float[] { 1, 3, 5, 2, 4, 6 }));
            Assert.That(file["1.bias"].AsSingle().ToArray(), Is.EqualTo(new float[] { 7, 8 }));
        }
    }

    [Test]
    public void Every_parameter_comes_back_bit_for_bit()
    {
        Sequential saved = Model(), loaded = Model();
        saved.Initialize(3);
        WeightsFile.Save(FilePath, saved);
        Assert.That(loaded.IsInitialized, Is.False);
        WeightsFile.Load(FilePath, loaded);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(loaded.IsInitialized, Is.True);
            foreach ((string name, Parameter parameter) in saved.Parameters.Entries)
            {
                Assert.That(loaded.Parameters[name].Value.ToArray(), Is.EqualTo(parameter.Value.ToArray()), name);
            }
        }
    }

    [Test]
    public void Names_are_those_of_the_table()
    {
        Sequential model = Model();
        model.Initialize(1);
        WeightsFile.Save(FilePath, model);
        static string Describe(SafetensorsTensor tensor) => $"{tensor.Name} [{string.Join(", ", tensor.Shape.ToArray())}]";
        Assert.That(SafetensorsFile.Read(FilePath).Tensors.Select(Describe), Is.EquivalentTo(new[]
        {
            "0.weight [2, 3]", "0.bias [2]", "2.u.weight [1, 2]", "2.v.weight [4, 1]", "2.v.bias [4]", "3.weight [1]", "4.weight [4]",
            "4.bias [4]",
            "5.0.weight [4, 4]", "5.0.bias [4]", "6.layers.0.weight [2, 4]", "6.layers.0.bias [2]", "6.gate.0.weight [2, 4]",
        }));
    }

    [Test]
    public void Whatever_does_not_fit_is_listed_and_nothing_is_changed()
    {
        SafetensorsFile.Write(FilePath, [
            SafetensorsTensor.Create("0.weight", [3, 2], new float[6]),
            SafetensorsTensor.Create("1.weight", [1], new float[1])]);
        var model = new Sequential(new Linear(3, 2));
        model.Initialize(1);
        float[] before = model.Parameters[0].Value.ToArray();
        DataException error = Assert.Throws<DataException>(() => WeightsFile.Load(FilePath, model));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(error.Message, Is.EqualTo(
                $"{FilePath}: the weights do not fit the model: 0.weight: expected F32 [2, 3], found F32 [3, 2]; 0.bias is missing; " +
                    "1.weight is unexpected"));
            Assert.That(model.Parameters[0].Value.ToArray(), Is.EqualTo(before));
        }
    }

    [Test]
    public void Another_type_is_refused()
    {
        SafetensorsFile.Write(FilePath, [SafetensorsTensor.Create("0.weight", [1, 1], (double[])[1])]);
        Assert.That(() => WeightsFile.Load(FilePath, new Sequential(new Linear(1, 1, bias: false))),
            Throws.TypeOf<DataException>().With.Message.Contains("0.weight: expected F32 [1, 1], found F64 [1, 1]"));
    }

    [TestCase(float.NaN)]
    [TestCase(float.NegativeInfinity)]
    public void Value_that_is_not_finite_is_refused(float value)
    {
        SafetensorsFile.Write(FilePath, [SafetensorsTensor.Create("0.weight", [1, 2], [0, value])]);
        Assert.That(() => WeightsFile.Load(FilePath, new Sequential(new Linear(2, 1, bias: false))),
            Throws.TypeOf<DataException>().With.Message.Contains("0.weight: element 1 is"));
    }

    [Test]
    public void Long_list_of_faults_is_cut()
    {
        SafetensorsFile.Write(
            FilePath, [.. Enumerable.Range(0, 30).Select(i => SafetensorsTensor.Create($"{i}.weight", [1], new float[1]))]);
        Assert.That(
            () => WeightsFile.Load(FilePath, new Sequential(new Relu())),
            Throws.TypeOf<DataException>().With.Message.EndsWith("; and 20 more"));
    }
}
