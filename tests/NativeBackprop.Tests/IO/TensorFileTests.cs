using NativeBackprop.IO;
using NativeBackprop.Tests.Data;
using NUnit.Framework;

namespace NativeBackprop.Tests.IO;

/// <summary>Tests that write a file of tensors and read it again, each in a folder of its own.</summary>
internal abstract class TensorFileTests
{
    protected TemporaryFolder Folder { get; private set; } = null!;

    /// <summary>The file.</summary>
    protected string FilePath => Folder.File("f.safetensors");

    [SetUp]
    public void MakeFolder() => Folder = new TemporaryFolder();

    [TearDown]
    public void DeleteFolder() => Folder.Dispose();

    /// <summary>Leaves a tensor of the file out, or puts another one in its place.</summary>
    protected void Rewrite(string name, SafetensorsTensor? tensor = null)
    {
        SafetensorsFile file = SafetensorsFile.Read(FilePath);
        IEnumerable<SafetensorsTensor> others = file.Tensors.Where(other => other.Name != name);
        SafetensorsFile.Write(FilePath, tensor is null ? others : [.. others, tensor], file.Metadata);
    }

    /// <summary>Gives the file's metadata another entry.</summary>
    protected void RewriteMetadata(string key, string value)
    {
        SafetensorsFile file = SafetensorsFile.Read(FilePath);
        SafetensorsFile.Write(FilePath, file.Tensors, new Dictionary<string, string>(file.Metadata) { [key] = value });
    }
}
