namespace NativeBackprop.Data;

/// <summary>
/// The handwritten digits that come with this project: 1797 images of 8 × 8 pixels, classes 0 to 9, from
/// <i>Optical Recognition of Handwritten Digits</i> (E. Alpaydin, C. Kaynak, UCI Machine Learning Repository, CC BY 4.0).
/// </summary>
/// <remarks>Thread safety: any threads may use it at once, each with a stream of its own.</remarks>
public static class Digits
{
    /// <summary>Reads the data set from its CSV file, gzipped or plain: 64 grey levels of 0..16 and the class in each row.</summary>
    /// <remarks>
    /// Pixels are divided by 16. The row order is kept: the last rows were written by other people than the first, so a
    /// split in file order is a harder test than a shuffled one.
    /// </remarks>
    /// <param name="stream">The content of <c>digits.csv.gz</c>; it stays open.</param>
    /// <exception cref="DataException">The stream is not that file.</exception>
    public static Dataset Load(Stream stream) => CsvData.Load(
        stream, "digits", new CsvOptions { HasHeader = false, InputDivisor = 16, Classes = 10, InputShape = [8, 8] });
}
