using System.Text.RegularExpressions;

namespace NativeBackprop.Data;

/// <summary>
/// A folder of labelled images in IDX files, as MNIST and its relatives come: pairs of
/// <c>PREFIX-images-idx3-ubyte</c> and <c>PREFIX-labels-idx1-ubyte</c>, each possibly with <c>.gz</c>. A dot may stand
/// for each of the hyphens. Where a file is there both plain and gzipped, the plain one is read.
/// </summary>
/// <remarks>Thread safety: any threads may use it at once.</remarks>
public static partial class IdxFolder
{
    /// <summary>
    /// Loads a folder. A pair whose prefix ends in <c>train</c> beside one that ends in <c>t10k</c> or <c>test</c> gives
    /// the training and the test set; a single pair, whatever its prefix, gives one data set to be split by the caller.
    /// </summary>
    /// <remarks>Pixels are divided by 255. Inputs have the shape (height, width). The classes are 0..(largest label).</remarks>
    /// <exception cref="DataException">The folder is missing, has no such files or not in pairs, or a file is malformed.</exception>
    public static DataSplit Load(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        Pair[] pairs = Pairs(path);
        if (pairs.Length == 1)
        {
            RawPair only = RawPair.Read(pairs[0]);
            return new DataSplit(only.ToDataset(only.LargestLabel + 1), null);
        }

        Pair[] train = [.. pairs.Where(pair => EndsWith(pair, "train"))];
        Pair[] test = [.. pairs.Where(pair => EndsWith(pair, "t10k") || EndsWith(pair, "test"))];
        if (pairs.Length != 2 || train.Length != 1 || test.Length != 1)
        {
            throw new DataException(
                $"{path}: expected one pair of IDX files, or one pair named train and one named t10k or test, "
                + $"found {string.Join(", ", pairs.Select(pair => Path.GetFileName(pair.Images)))}");
        }

        RawPair trainRaw = RawPair.Read(train[0]), testRaw = RawPair.Read(test[0]);
        if (!trainRaw.Images.Shape.AsSpan(1).SequenceEqual(testRaw.Images.Shape.AsSpan(1)))
        {
            throw new DataException(
                $"{test[0].Images}: expected images of {Size(trainRaw)} as in the training set, found {Size(testRaw)}");
        }

        int classes = Math.Max(trainRaw.LargestLabel, testRaw.LargestLabel) + 1;
        return new DataSplit(trainRaw.ToDataset(classes), testRaw.ToDataset(classes));

        static bool EndsWith(Pair pair, string role) => pair.Prefix.EndsWith(role, StringComparison.OrdinalIgnoreCase);
        static string Size(RawPair raw) => $"{raw.Images.Shape[1]} × {raw.Images.Shape[2]}";
    }

    private static Pair[] Pairs(string path)
    {
        if (!Directory.Exists(path))
        {
            throw new DataException($"{path}: expected a folder of IDX files, found {(File.Exists(path) ? "a file" : "nothing")}");
        }

        string[] files = DataFile.Guard(path, () => Directory.GetFiles(path));
        var images = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var labels = new Dictionary<string, string>(StringComparer.Ordinal);

        // In this order a plain file comes before its gzipped twin, and the first one found stays.
        foreach (string file in files.Order(StringComparer.Ordinal))
        {
            Match match = FileName.Match(Path.GetFileName(file));
            if (match.Success)
            {
                bool isImages = match.Groups["kind"].Value.Equals("images", StringComparison.OrdinalIgnoreCase);
                if ((match.Groups["rank"].Value == "3") == isImages)
                {
                    IDictionary<string, string> kind = isImages ? images : labels;
                    kind.TryAdd(match.Groups["prefix"].Value, file);
                }
            }
        }

        foreach ((string prefix, string file) in images.Concat(labels))
        {
            if (!images.ContainsKey(prefix) || !labels.ContainsKey(prefix))
            {
                string missing = images.ContainsKey(prefix) ? "labels" : "images";
                throw new DataException($"{file}: expected the {missing} of the same name beside it, found none");
            }
        }

        return images.Count > 0 ? [.. images.Select(pair => new Pair(pair.Key, pair.Value, labels[pair.Key]))]
            : throw new DataException(
                $"{path}: expected files named PREFIX-images-idx3-ubyte[.gz] and PREFIX-labels-idx1-ubyte[.gz], found none");
    }

    [GeneratedRegex(
        @"^(?<prefix>.*?)[-._]?(?<kind>images|labels)[-.]idx(?<rank>[13])[-.]ubyte(\.gz)?$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex FileName { get; }

    private readonly record struct Pair(string Prefix, string Images, string Labels);

    private readonly record struct RawPair(string Name, IdxFile Images, IdxFile Labels)
    {
        public int LargestLabel => Labels.Elements.Length == 0 ? 0 : Labels.Elements.Max();

        public static RawPair Read(Pair pair)
        {
            IdxFile images = IdxFile.Read(pair.Images, rank: 3), labels = IdxFile.Read(pair.Labels, rank: 1);
            return images.Shape[0] == labels.Shape[0] ? new RawPair(pair.Images, images, labels)
                : throw new DataException(
                    $"{pair.Labels}: expected {images.Shape[0]} labels, one for each image of {Path.GetFileName(pair.Images)}, "
                    + $"found {labels.Shape[0]}");
        }

        public Dataset ToDataset(int classes)
        {
            // A table, so that each pixel is the correctly rounded quotient and white is exactly 1.
            Span<float> scaled = stackalloc float[256];
            for (int value = 0; value < scaled.Length; value++)
            {
                scaled[value] = value / 255f;
            }

            float[] inputs = GC.AllocateUninitializedArray<float>(Images.Elements.Length);
            for (int i = 0; i < inputs.Length; i++)
            {
                inputs[i] = scaled[Images.Elements[i]];
            }

            int[] labels = [.. Labels.Elements.Select(label => (int)label)];
            int[] shape = Images.Shape[1..];
            return Dataset.AdoptLabels(Name, inputs, (int)Math.Min((long)shape[0] * shape[1], int.MaxValue), labels, classes, shape);
        }
    }
}
