using System.Buffers.Binary;
using System.Text;
using NativeBackprop.IO;
using NativeBackprop.Tests.Data;
using NUnit.Framework;

namespace NativeBackprop.Tests.IO;

[TestFixture]
public sealed class SafetensorsFileTests
{
    [Test]
    public void Writing_gives_the_bytes_of_the_reference_implementation()
    {
        // The example of the reference implementation's own test of its writer.
        float[] values = [0, 1, 2, 3, 4, 5];
        const string header = """{"attn.0":{"dtype":"F32","shape":[1,2,3],"data_offsets":[0,24]}}""";
        Assert.That(header, Has.Length.EqualTo(64));
        Assert.That(
            Written([SafetensorsTensor.Create("attn.0", [1, 2, 3], values)]),
            Is.EqualTo(Encode(header, [.. values.SelectMany(BitConverter.GetBytes)])));
    }

    [Test]
    public void Writing_sorts_by_type_then_name_and_pads_the_header()
    {
        byte[] written = Written(
            [
                SafetensorsTensor.Create("10.weight", [2], new[] { 1f, -2f }),
                SafetensorsTensor.Create("steps", [], new[] { 7 }),
                SafetensorsTensor.Create("2.weight", [1, 1], new[] { 0.5f }),
                SafetensorsTensor.Create("y", [2], new[] { -1L, 1L << 40 }),
                SafetensorsTensor.Create("\u00E9\"\\", [0, 3], Array.Empty<double>()),
            ],
            new Dictionary<string, string> { ["b"] = "2", ["a"] = "line\n" });
        const string header = "{\"__metadata__\":{\"a\":\"line\\n\",\"b\":\"2\"},\"y\":{\"dtype\":\"I64\",\"shape\":[2]," +
            "\"data_offsets\":[0,16]},\"é\\\"\\\\\":{\"dtype\":\"F64\",\"shape\":[0,3],\"data_offsets\":[16,16]}," +
            "\"10.weight\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[16,24]},\"2.weight\":{\"dtype\":\"F32\",\"shape\":[1,1]," +
            "\"data_offsets\":[24,28]},\"steps\":{\"dtype\":\"I32\",\"shape\":[],\"data_offsets\":[28,32]}}";
        byte[] data =
        [
            .. BitConverter.GetBytes(-1L), .. BitConverter.GetBytes(1L << 40), .. BitConverter.GetBytes(1f), .. BitConverter.GetBytes(-2f),
            .. BitConverter.GetBytes(0.5f), .. BitConverter.GetBytes(7),
        ];
        int padding = (8 - (Encoding.UTF8.GetByteCount(header) % 8)) % 8;
        Assert.That(padding, Is.Positive, "the example is to need padding");
        Assert.That(written, Is.EqualTo(Encode(header + new string(' ', padding), data)));
    }

    [Test]
    public void Reading_gives_tensors_in_file_order_and_the_metadata()
    {
        SafetensorsFile file = Parse(
            "{\"b\":{\"data_offsets\":[8,16],\"shape\":[1],\"dtype\":\"F64\"},\"__metadata__\":{\"format\":\"pt\"}," +
            "\"a\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}}   ",
            [.. BitConverter.GetBytes(1.5f), .. BitConverter.GetBytes(float.NaN), .. BitConverter.GetBytes(0.1)]);
        Assert.That(file.Tensors.Select(tensor => tensor.ToString()), Is.EqualTo(new[] { "a F32 [1, 2]", "b F64 [1]" }));
        Assert.That(file.Metadata, Is.EqualTo(new Dictionary<string, string> { ["format"] = "pt" }));
        Assert.That(file["a"].AsSingle().ToArray(), Is.EqualTo(new[] { 1.5f, float.NaN }));
        Assert.That(file["a"].Count, Is.EqualTo(2));
        Assert.That(file["b"].AsDouble()[0], Is.EqualTo(0.1));
        Assert.That(file["b"].ToSingle(), Is.EqualTo(new[] { 0.1f }));
    }

    [TestCase("{}", TestName = "no tensor")]
    [TestCase("""{"__metadata__":{}}""", TestName = "no tensor, no metadata")]
    public void Reading_allows_an_empty_file(string header) => Assert.That(Parse(header, []).Tensors, Is.Empty);

    [Test]
    public void Reading_allows_several_tensors_without_elements_at_one_place()
    {
        SafetensorsFile file = Parse(
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[4,4]},\"b\":{\"dtype\":\"F32\",\"shape\":[]," +
            "\"data_offsets\":[0,4]},\"c\":{\"dtype\":\"I32\",\"shape\":[2,0],\"data_offsets\":[4,4]}}",
            new byte[4]);
        Assert.That(file.Tensors, Has.Count.EqualTo(3));
        file = Parse(
            """{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}""", new byte[4]);
        Assert.That(file.Tensors.Select(tensor => tensor.Name), Is.EqualTo(new[] { "b", "a" }));
    }

    [Test]
    public void Reading_counts_the_elements_of_scalars_and_empty_tensors()
    {
        SafetensorsFile file = Parse(
            """{"b":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"c":{"dtype":"I32","shape":[2,0],"data_offsets":[4,4]}}""",
            new byte[4]);
        Assert.That(file["b"].Count, Is.EqualTo(1));
        Assert.That(file["c"].Count, Is.Zero);
    }

    [Test]
    public void Typed_access_names_what_it_expected_and_found()
    {
        SafetensorsFile file = Parse(
            """{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"I64","shape":[1],"data_offsets":[8,16]}}""",
            new byte[16]);
        Assert.That(file.GetSingle("w", 2).Length, Is.EqualTo(2));
        Assert.That(file.GetInt64("y", 1).Length, Is.EqualTo(1));
        ExpectError(() => file.GetSingle("w", 1, 2).Length, "f: tensor 'w': expected F32 [1, 2], found F32 [2]");
        ExpectError(() => file.GetSingle("y", 1).Length, "f: tensor 'y': expected F32 [1], found I64 [1]");
        ExpectError(() => file.GetInt64("z", 1).Length, "f: expected a tensor 'z', found w, y");
        ExpectError(() => file["w"].AsDouble().Length, "tensor 'w': expected the type F64, found F32");
        ExpectError(() => file["y"].ToSingle(), "tensor 'y': expected the type F32, found I64");
        Assert.That(file.TryGet("w", out _), Is.True);
        Assert.That(file.TryGet("W", out _), Is.False);
    }

    private static IEnumerable<TestCaseData> BadHeaders()
    {
        const string f32 = "\"F32\"";
        static TestCaseData Case(string header, int bytes, string message) =>
            new TestCaseData(header, bytes, message).SetArgDisplayNames(message);
        static string Tensor(string dtype, string shape, string offsets) =>
            $$"""{"dtype":{{dtype}},"shape":{{shape}},"data_offsets":{{offsets}}}""";

        // The message is about the only tensor, and about the second of two.
        static TestCaseData One(string dtype, string shape, string offsets, int bytes, string message) =>
            Case($$"""{"a":{{Tensor(dtype, shape, offsets)}}}""", bytes, "tensor 'a'" + message);
        static TestCaseData Second(string offsets, int bytes, string message) => Case(
            $$"""{"a":{{Tensor(f32, "[1]", "[0,4]")}},"b":{{Tensor(f32, "[1]", offsets)}}}""", bytes, "tensor 'b'" + message);
        static TestCaseData Unfilled(string dtype, string shape, int bytes) => One(
            $"\"{dtype}\"", shape, $"[0,{bytes}]", bytes,
            $": {dtype} of shape {shape.Replace(",", ", ", StringComparison.Ordinal)} does not have the {bytes} bytes of its data_offsets");
        const string keys = "expected the keys dtype, shape and data_offsets, found ";
        const string whole = "expected an array of whole numbers from 0 on, found ";
        string f4 = Tensor(f32, "[1]", "[0,4]");

        yield return Case("", 0, "expected the header to begin with '{', found nothing");
        yield return Case(" {}", 0, "expected the header to begin with '{', found byte 0x20");
        yield return Case("[]", 0, "expected the header to begin with '{', found byte 0x5b");
        yield return Case("{", 0, "the header is not valid JSON: ");
        yield return Case("{}x", 0, "the header is not valid JSON: ");
        yield return Case("{} {}", 0, "the header is not valid JSON: ");
        yield return Case(
            "{\"a\":" + new string('[', 100), 0, "tensor 'a': expected an object with dtype, shape and data_offsets, found StartArray");
        yield return Case("""{"\ud800":1}""", 0, "the header: a string is not valid Unicode");
        yield return Case($$"""{"a":{{f4}},"a":{{f4}}}""", 4, "tensor 'a' is there twice");
        yield return Case($$"""{"a":{{f4}},"\u0061":{{f4}}}""", 4, "tensor 'a' is there twice");
        yield return Case("""{"__metadata__":{},"__metadata__":{}}""", 0, "__metadata__ is there twice");
        yield return Case("""{"__metadata__":{"k":"1","k":"2"}}""", 0, "__metadata__: the key 'k' is there twice");
        yield return Case("""{"__metadata__":{"k":1}}""", 0, "__metadata__, 'k': expected a string, found Number");
        yield return Case("""{"__metadata__":null}""", 0, "__metadata__: expected an object of strings, found Null");
        yield return Case("""{"a":{"dtype":"F32","dtype":"F32"}}""", 0, "tensor 'a': the key 'dtype' is there twice");
        yield return Case("""{"a":{"shape":[],"shape":[]}}""", 0, "tensor 'a': the key 'shape' is there twice");
        yield return Case("""{"a":{"data_offsets":[0,4],"data_offsets":[0,4]}}""", 4, "tensor 'a': the key 'data_offsets' is there twice");
        yield return Case("""{"a":{"dtype":"F32","shape":[1]}}""", 0, $"tensor 'a': {keys}no data_offsets");
        yield return Case("""{"a":{"dtype":"F32","data_offsets":[0,4]}}""", 4, $"tensor 'a': {keys}no shape");
        yield return Case("""{"a":{}}""", 0, $"tensor 'a': {keys}no dtype");
        yield return Case("""{"a":{"dtype":"F32","strides":[1]}}""", 0, $"tensor 'a': {keys}'strides'");
        yield return One("\"BF16\"", "[2]", "[0,4]", 4, ": expected the type F32, F64, I32 or I64, found BF16, which is not supported");
        yield return One("\"f32\"", "[1]", "[0,4]", 4, ": expected the type F32, F64, I32 or I64, found 'f32', which is none");
        yield return One("7", "[1]", "[0,4]", 4, ", dtype: expected a string, found Number");
        yield return One(f32, "1", "[0,4]", 4, $", shape: {whole}Number");
        yield return One(f32, "[[1]]", "[0,4]", 4, $", shape: {whole}StartArray");
        yield return One(f32, "[-1]", "[0,4]", 4, $", shape: {whole}-1");
        yield return One(f32, "[1.0]", "[0,4]", 4, $", shape: {whole}1.0");
        yield return One(f32, "[99999999999999999999]", "[0,4]", 4, $", shape: {whole}99999999999999999999");
        yield return One(f32, "[1]", "[0,4,8]", 4, ": expected data_offsets [begin, end] with begin <= end, found [0, 4, 8]");
        yield return One(f32, "[1]", "[4,0]", 4, ": expected data_offsets [begin, end] with begin <= end, found [4, 0]");
        yield return Unfilled("F32", "[2]", 4);
        yield return Unfilled("I64", "[1]", 4);
        yield return Unfilled("F32", "[4611686018427387904]", 0);
        yield return Unfilled("F32", "[4294967296,4294967296]", 0);
        yield return One(f32, "[1000000000]", "[0,4000000000]", 0, ": a shape of [1000000000] is larger than can be read");
        yield return One(f32, "[0,4294967296]", "[0,0]", 0, ": a shape of [0, 4294967296] is larger than can be read");
        yield return One(f32, "[1]", "[4,8]", 8, " leaves a hole before it: expected it to begin at byte 0, found 4");
        yield return Second("[8,12]", 12, " leaves a hole before it: expected it to begin at byte 4, found 8");
        yield return Second("[2,6]", 6, " overlaps the tensor before it: expected it to begin at byte 4, found 2");
        yield return Second("[0,4]", 4, " overlaps the tensor before it: expected it to begin at byte 4, found 0");
        yield return Case($$"""{"a":{{f4}}}""", 5, "expected 4 bytes of tensors after the header, found 5");
        yield return Case($$"""{"a":{{f4}}}""", 3, "expected 4 bytes of tensors after the header, found 3");
        yield return Case("{}", 1, "expected 0 bytes of tensors after the header, found 1");
    }

    [TestCaseSource(nameof(BadHeaders))]
    public void A_bad_header_is_one_line_that_names_file_tensor_expected_and_actual(string header, int dataBytes, string message) =>
        Assert.That(
            () => Parse(header, new byte[dataBytes]),
            Throws.InstanceOf<DataException>().With.Message.StartsWith("f: " + message).And.Message.Not.Contains("\n"));

    [Test]
    public void A_bad_frame_is_refused_before_anything_is_allocated()
    {
        ExpectError(() => Parse(new byte[7]), "f: a safetensors file has at least 8 bytes, found 7");
        ExpectError(() => Parse([3, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'}']), "f: expected a header of 3 bytes, found 2");
        ExpectError(() => Parse(Prefix(100_000_001)), "f: expected a header of at most 100000000 bytes, found 100000001");
        ExpectError(() => Parse(Prefix(ulong.MaxValue)), "f: expected a header of at most 100000000 bytes, found 18446744073709551615");
        ExpectError(() => Parse([2, 0, 0, 0, 0, 0, 0, 0, (byte)'{', 0xFF]), "f: the header is not valid UTF-8");
    }

    [Test]
    public void A_file_is_replaced_whole_or_not_at_all()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("w.safetensors");
        SafetensorsFile.Write(path, [SafetensorsTensor.Create("a", [1], new[] { 1f })]);
        SafetensorsFile.Write(path, [SafetensorsTensor.Create("a", [1], new[] { 2f })], new Dictionary<string, string> { ["k"] = "v" });
        Assert.That(SafetensorsFile.Read(path).GetSingle("a", 1)[0], Is.EqualTo(2f));
        Assert.That(SafetensorsFile.Read(path).Metadata["k"], Is.EqualTo("v"));

        byte[] before = File.ReadAllBytes(path);
        Assert.That(
            () => AtomicFile.Write(path, stream =>
            {
                stream.Write(new byte[100]);
                throw new IOException("the disk is full");
            }),
            Throws.InstanceOf<DataException>().With.Message.EqualTo($"{path}: cannot be written: the disk is full"));
        Assert.That(File.ReadAllBytes(path), Is.EqualTo(before));
        Assert.That(Directory.GetFiles(folder.Path), Is.EqualTo(new[] { path }), "no temporary file is left");
    }

    [Test]
    public void Mistakes_of_the_writer_are_named()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("w.safetensors"), lost = Path.Combine(folder.File("no"), "w.safetensors");
        SafetensorsTensor a = SafetensorsTensor.Create("a", [1], new[] { 1f });
        ExpectError(() => SafetensorsFile.Write(path, [a, a]), $"{path}: tensor 'a' is there twice");
        ExpectError(
            () => SafetensorsFile.Write(path, [SafetensorsTensor.Create("__metadata__", [1], new[] { 1f })]),
            $"{path}: a tensor cannot be called __metadata__");
        ExpectError(() => SafetensorsFile.Write(lost, [a]), $"{lost}: cannot be written: there is no folder {folder.File("no")}");
        Assert.That(Directory.GetFiles(folder.Path), Is.Empty);
        ExpectError(() => SafetensorsFile.Read(path), $"{path}: expected a file, found nothing");
        Assert.That(
            () => SafetensorsTensor.Create("a", [2, 3], new float[5]),
            Throws.InstanceOf<ShapeException>().With.Message.EqualTo("a: a shape of [2, 3] does not hold 5 values"));
        Assert.That(() => SafetensorsTensor.Create("a", [-1, -1], new float[1]), Throws.InstanceOf<ShapeException>());
        Assert.That(
            () => SafetensorsTensor.Create("a", [int.MaxValue, int.MaxValue, int.MaxValue, int.MaxValue, 2, 2], new float[4]),
            Throws.InstanceOf<ShapeException>());
    }

    private static void ExpectError(ActualValueDelegate action, string message) =>
        Assert.That(() => action(), Throws.InstanceOf<DataException>().With.Message.EqualTo(message));

    private static void ExpectError(Action action, string message) =>
        Assert.That(() => action(), Throws.InstanceOf<DataException>().With.Message.EqualTo(message));

    private delegate object ActualValueDelegate();

    private static byte[] Written(SafetensorsTensor[] tensors, Dictionary<string, string>? metadata = null)
    {
        using var stream = new MemoryStream();
        SafetensorsFile.Write(stream, "f", tensors, metadata);
        return stream.ToArray();
    }

    private static SafetensorsFile Parse(string header, byte[] data) => Parse(Encode(header, data));

    private static SafetensorsFile Parse(byte[] bytes) => SafetensorsFile.Read(new MemoryStream(bytes), "f");

    private static byte[] Encode(string header, byte[] data)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        return [.. Prefix((ulong)json.Length), .. json, .. data];
    }

    private static byte[] Prefix(ulong length)
    {
        byte[] prefix = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, length);
        return prefix;
    }
}
