using FsCheck;
using FsCheck.Fluent;
using NativeBackprop.IO;
using NUnit.Framework;

namespace NativeBackprop.Tests.IO;

/// <summary>Files made at random: what is written is read back bit for bit, and damage is an error or harmless, never a crash.</summary>
[TestFixture]
public sealed class SafetensorsPropertyTests
{
    private static readonly Config Quick = Config.QuickThrowOnFailure.WithMaxTest(1000);

    private static readonly string[] Vocabulary =
    [
        "\"dtype\"", "\"shape\"", "\"data_offsets\"", "\"F32\"", "\"I64\"", "\"F16\"", "\"__metadata__\"", "\"a\"", "\"0.weight\"", "{",
        "}", "[", "]", ":",
        ",", "0", "1", "4", "8", "-1", "2147483648", "9223372036854775807", "18446744073709551616", "1e3", "null", "true", "\"\\ud800\"",
        " ",
    ];

    private static readonly Gen<string> Name =
        from length in Gen.Choose(0, 12)
        from characters in Gen.Elements("abz019._-/\"\\\n\t \u00E9\u4E2D\u0001\u2028".ToCharArray()).ArrayOf(length)
        select new string(characters);

    private static readonly Gen<SafetensorsTensor> Tensor =
        from name in Name
        from dtype in Gen.Elements(Enum.GetValues<SafetensorsDType>())
        from rank in Gen.Choose(0, 3)
        from shape in Gen.Choose(0, 4).ArrayOf(rank)
        let count = shape.Aggregate(1, (product, extent) => product * extent)
        from data in Gen.Choose(0, 255).Select(value => (byte)value).ArrayOf(count * SafetensorsTensor.ElementSize(dtype))
        select new SafetensorsTensor(name, dtype, shape, data);

    private static readonly Gen<(SafetensorsTensor[] Tensors, Dictionary<string, string>? Metadata)> Content =
        from count in Gen.Choose(0, 6)
        from tensors in Tensor.ArrayOf(count)
        from hasMetadata in Gen.Choose(0, 1)
        from keys in Name.ArrayOf(2)
        select (
            tensors.DistinctBy(tensor => tensor.Name).ToArray(),
            hasMetadata == 1 ? keys.Distinct().ToDictionary(key => key, key => key + "!") : null);

    [Test]
    public void A_round_trip_is_exact() => Check.One(Quick, Prop.ForAll(Content.ToArbitrary(), content =>
    {
        SafetensorsFile file = Read(Write(content.Tensors, content.Metadata));
        Assert.That(file.Tensors, Has.Count.EqualTo(content.Tensors.Length));
        Assert.That(file.Metadata, Is.EquivalentTo(content.Metadata ?? []));
        foreach (SafetensorsTensor tensor in content.Tensors)
        {
            SafetensorsTensor read = file[tensor.Name];
            Assert.That(read.ToString(), Is.EqualTo(tensor.ToString()));
            Assert.That(read.Bytes.SequenceEqual(tensor.Bytes), Is.True);
        }
    }));

    [Test]
    public void Writing_does_not_depend_on_the_order_given_and_aligns_tensors_to_their_elements() =>
        Check.One(Quick, Prop.ForAll(Content.ToArbitrary(), content =>
    {
        byte[] written = Write(content.Tensors, content.Metadata);
        Assert.That(Write([.. content.Tensors.Reverse()], content.Metadata), Is.EqualTo(written));
        int offset = 8 + BitConverter.ToInt32(written);
        foreach (SafetensorsTensor tensor in Read(written).Tensors)
        {
            Assert.That(offset % SafetensorsTensor.ElementSize(tensor.DType), Is.Zero);
            offset += tensor.Bytes.Length;
        }
    }));

    [Test]
    public void Changed_bytes_are_an_error_or_another_file()
    {
        Gen<byte[]> changed =
            from content in Content
            from changes in Gen.Choose(1, 4)
            from places in Gen.Choose(0, 100_000).ArrayOf(changes)
            from values in Gen.Choose(0, 255).ArrayOf(changes)
            select Change(Write(content.Tensors, content.Metadata), places, values);
        Check.One(Quick.WithMaxTest(5000), Prop.ForAll(changed.ToArbitrary(), ReadsOrRefuses));
    }

    [Test]
    public void A_cut_or_lengthened_file_is_always_refused()
    {
        Gen<(byte[] Whole, int Place)> cases =
            from content in Content
            from place in Gen.Choose(0, 100_000)
            select (Write(content.Tensors, content.Metadata), place);
        Check.One(Quick, Prop.ForAll(cases.ToArbitrary(), c =>
        {
            Assert.That(() => Read(c.Whole[..(c.Place % c.Whole.Length)]), Throws.InstanceOf<DataException>());
            Assert.That(() => Read([.. c.Whole, .. new byte[1 + (c.Place % 9)]]), Throws.InstanceOf<DataException>());
        }));
    }

    [Test]
    public void A_header_of_random_tokens_is_an_error_or_a_file()
    {
        Gen<byte[]> files =
            from count in Gen.Choose(0, 40)
            from tokens in Gen.Elements(Vocabulary).ArrayOf(count)
            from data in Gen.Choose(0, 16)
            let header = System.Text.Encoding.UTF8.GetBytes("{" + string.Concat(tokens))
            select (byte[])[.. BitConverter.GetBytes((long)header.Length), .. header, .. new byte[data]];
        Check.One(Quick.WithMaxTest(5000), Prop.ForAll(files.ToArbitrary(), ReadsOrRefuses));
    }

    [Test]
    public void A_header_with_one_token_exchanged_is_an_error_or_a_file()
    {
        string[] good = [
            "{", "\"a\"", ":", "{", "\"dtype\"", ":", "\"F32\"", ",", "\"shape\"", ":", "[", "1", ",", "2", "]", ",", "\"data_offsets\"",
            ":", "[", "0", ",", "8", "]", "}", "}"];
        Gen<byte[]> files =
            from places in Gen.Choose(1, good.Length - 1).ArrayOf(2)
            from tokens in Gen.Elements(Vocabulary).ArrayOf(2)
            let header = System.Text.Encoding.UTF8.GetBytes(
                string.Concat(good.Select((token, i) => i == places[0] ? tokens[0] : i == places[1] ? tokens[1] : token)))
            select (byte[])[.. BitConverter.GetBytes((long)header.Length), .. header, .. new byte[8]];
        Check.One(Quick.WithMaxTest(5000), Prop.ForAll(files.ToArbitrary(), ReadsOrRefuses));
    }

    /// <summary>Any other exception than the typed one fails; what is accepted must be consistent.</summary>
    private static void ReadsOrRefuses(byte[] bytes)
    {
        SafetensorsFile file;
        try
        {
            file = Read(bytes);
        }
        catch (DataException e)
        {
            Assert.That(e.Message, Does.StartWith("f: "));
            return;
        }

        long total = 8 + BitConverter.ToInt64(bytes) + file.Tensors.Sum(tensor => (long)tensor.Bytes.Length);
        Assert.That(total, Is.EqualTo(bytes.Length), "every byte of an accepted file belongs to a tensor");
        foreach (SafetensorsTensor tensor in file.Tensors)
        {
            Assert.That(tensor.Count, Is.EqualTo(tensor.Shape.ToArray().Aggregate(1L, (product, extent) => product * extent)));
        }
    }

    private static byte[] Change(byte[] bytes, int[] places, int[] values)
    {
        for (int i = 0; i < places.Length; i++)
        {
            bytes[places[i] % bytes.Length] = (byte)values[i];
        }

        return bytes;
    }

    private static byte[] Write(SafetensorsTensor[] tensors, Dictionary<string, string>? metadata)
    {
        using var stream = new MemoryStream();
        SafetensorsFile.Write(stream, "f", tensors, metadata);
        return stream.ToArray();
    }

    private static SafetensorsFile Read(byte[] bytes) => SafetensorsFile.Read(new MemoryStream(bytes), "f");
}
