using System.Text;

namespace NativeBackprop.Tests.Soundness;

/// <summary>
/// The files of one sequence, in a folder of its own that is made when a path is first asked for: some hold what a reader expects, some
/// are damaged, some are not there.
/// </summary>
internal sealed class SampleFiles(string folder) : IDisposable
{
    private static readonly (string Name, byte[] Content)[] _samples =
    [
        ("data.csv", Encoding.UTF8.GetBytes("a,b,c,label\n1,2,3,0\n4,5,6,1\n7,8,9,2\n1,0,1,0\n")),
        ("model.json", Encoding.UTF8.GetBytes(
            """{"input":[3],"layers":[{"type":"linear","units":3},{"type":"relu"},{"type":"dropout"}],"loss":"mse"}""")),
        ("images-idx3-ubyte", [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("labels-idx1-ubyte", [0, 0, 8, 1, 0, 0, 0, 2, 1, 0]),
        ("weights.safetensors", Safetensors("""{"0.weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8)),
        ("batch.safetensors", Safetensors(
            """{"x":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"y":{"dtype":"I64","shape":[2],"data_offsets":[24,40]}}""", 40)),
    ];

    private static readonly string[] _others = ["new.safetensors", "new.json", "new.nbp", "new", "missing/new.csv", "checkpoint"];

    private bool _made;

    /// <summary>The path of a sample, of the folder, of a file that is still to be written, or no good path at all.</summary>
    public string SomePath(Random random)
    {
        if (!_made)
        {
            Directory.CreateDirectory(folder);
            _made = true;
        }

        int choice = random.Next(_samples.Length + _others.Length + 4);
        if (choice < _samples.Length)
        {
            string path = Path.Combine(folder, _samples[choice].Name);
            if (!Path.Exists(path))
            {
                File.WriteAllBytes(path, Damaged(_samples[choice].Content, random));
            }

            return path;
        }

        choice -= _samples.Length;
        return choice < _others.Length ? Path.Combine(folder, _others[choice])
            : choice == _others.Length ? "digits"
            : choice == _others.Length + 1 ? "\0"
            : choice == _others.Length + 2 ? Path.Combine(folder, new string('x', 300))
            : folder;
    }

    /// <summary>What some sample holds, now and then damaged.</summary>
    public byte[] SomeContent(Random random) => Damaged(_samples[random.Next(_samples.Length)].Content, random);

    public void Dispose()
    {
        if (_made)
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static byte[] Damaged(byte[] content, Random random)
    {
        byte[] copy = [.. content];
        switch (random.Next(4))
        {
            case 0:
                copy[random.Next(copy.Length)] = (byte)random.Next(256);
                break;
            case 1:
                copy = copy[..random.Next(copy.Length)];
                break;
        }

        return copy;
    }

    private static byte[] Safetensors(string header, int bytes)
    {
        header = header.PadRight((header.Length + 7) / 8 * 8);
        return [.. BitConverter.GetBytes((long)header.Length), .. Encoding.UTF8.GetBytes(header), .. new byte[bytes]];
    }
}
