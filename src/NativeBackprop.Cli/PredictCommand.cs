using System.CommandLine;
using System.Globalization;
using System.Text;
using NativeBackprop.Data;
using NativeBackprop.IO;
using NativeBackprop.Layers;

namespace NativeBackprop.Cli;

/// <summary><c>nbp predict</c>: a trained model's outputs for rows of inputs.</summary>
internal sealed class PredictCommand
{
    // Enough rows at once for the matrix products to run at speed.
    private const int BatchSize = 256;

    private readonly Argument<string> _data = new("DATA")
    {
        Description = "A .csv or .csv.gz file, a .safetensors file with x, a folder of IDX files, or digits; targets are passed over",
    };

    private readonly ModelOptions _model = new(modelRequired: true, weightsRequired: true, "Weights of the model (safetensors)");
    private readonly Option<bool> _argmax = Options.Flag(
        "--argmax", "Print the position of the largest output of each row, the class, instead of the outputs");
    private readonly Option<string?> _out = Options.Text(
        "--out", "FILE", "Write there instead: safetensors with the tensor output if it ends in .safetensors, else CSV");
    private readonly Option<int?> _threads = Options.Threads();

    private PredictCommand()
    {
    }

    public static Command Create()
    {
        var predict = new PredictCommand();
        var command = new Command("predict", "Print a model's outputs, one line of CSV for each row of input.") { predict._data };
        predict._model.AddTo(command);
        command.Add(predict._argmax);
        command.Add(predict._out);
        command.Add(predict._threads);
        return command.WithAction(predict.Run);
    }

    private int Run(ParseResult result, TextWriter output, CancellationToken cancellation)
    {
        ModelDescription description = _model.ReadWithWeights(result);
        string spec = result.GetRequiredValue(_data);
        DatasetParts inputs = description.Input.Kind == RowKind.Indices
            ? Indices(spec, description.Input) : new DatasetParts { Inputs = Inputs(spec, description.InputWidth) };
        float[] outputs = Predict(description, inputs, result.GetValue(_threads)!.Value, cancellation);
        int width = description.OutputWidth;
        int[] shape = [outputs.Length / width, .. description.OutputShape.Extents[1..]];
        if (result.GetValue(_argmax))
        {
            int classes = description.OutputShape[-1];
            (outputs, width, shape) = (Largest(outputs, classes), width / classes, shape[..^1]);
        }

        switch (result.GetValue(_out))
        {
            case null:
                WriteCsv(output, outputs, width);
                break;
            case string path when path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase):
                SafetensorsFile.Write(path, [result.GetValue(_argmax)
                    ? SafetensorsTensor.Create("output", shape, Array.ConvertAll(outputs, value => (long)value))
                    : SafetensorsTensor.Create("output", shape, outputs)]);
                break;
            case string path:
                AtomicFile.Write(path, stream =>
                {
                    using var text = new StreamWriter(stream, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\n" };
                    WriteCsv(text, outputs, width);
                });
                break;
        }

        return CliHost.Success;
    }

    private static float[] Predict(ModelDescription description, DatasetParts inputs, int threads, CancellationToken cancellation)
    {
        int length = description.InputWidth, rows = (inputs.Inputs.Length + inputs.Indices.Length) / length;
        float[] outputs = new float[checked(rows * description.OutputWidth)];
        using Predictor predictor = description.Model.CreatePredictor(
            Math.Min(BatchSize, rows), new PredictorOptions { Threads = threads });
        for (int first = 0; first < rows; first += BatchSize)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(BatchSize, rows - first);
            Span<float> to = outputs.AsSpan(first * description.OutputWidth, count * description.OutputWidth);
            if (inputs.Indices.Length > 0)
            {
                predictor.PredictIndices(inputs.Indices.AsSpan(first * length, count * length), to);
            }
            else
            {
                predictor.Predict(inputs.Inputs.AsSpan(first * length, count * length), to);
            }
        }

        return outputs;
    }

    private static DatasetParts Indices(string spec, RowShape input)
    {
        SafetensorsTensor? x = spec.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase) ? SafetensorsFile.Read(spec)["x"] : null;
        return x is { DType: SafetensorsDType.I64, Shape: [> 0, var steps] } && steps == input.Length
            ? BatchFile.WithRows(spec, new DatasetParts(), x)
            : throw new DataException(
                $"{spec}: expected a .safetensors file with x as I64 [N, {input.Length}], as the model takes indices, found "
                + (x?.ToString() ?? "another file"));
    }

    private static float[] Inputs(string spec, int width)
    {
        if (spec.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase))
        {
            SafetensorsTensor x = SafetensorsFile.Read(spec)["x"];
            int rows = x.Shape.Length > 0 ? x.Shape[0] : 0;
            return x.DType == SafetensorsDType.F32 && rows > 0 && x.Count == (long)rows * width ? x.ToSingle()
                : throw new DataException($"{spec}: expected x as F32 with rows of {width} inputs, as the model takes them, found {x}");
        }

        // A CSV file may have a target in its last column or none: then that column, read as a target, is an input like the others.
        Dataset data = DataOptions.Open(spec, new DataSourceOptions { Regression = true }).Train;
        return data.Features == width ? data.Inputs.ToArray()
            : data.Features == width - 1 && data.TargetWidth == 1 ? Joined(data)
            : throw new DataException(
                $"{spec}: expected rows of {width} inputs, as the model takes them, found {data.Features + data.TargetWidth} columns");
    }

    private static float[] Joined(Dataset data)
    {
        int width = data.Features + 1;
        float[] inputs = new float[data.Count * width];
        for (int row = 0; row < data.Count; row++)
        {
            data.Inputs.Slice(row * data.Features, data.Features).CopyTo(inputs.AsSpan(row * width));
            inputs[(row * width) + data.Features] = data.Targets[row];
        }

        return inputs;
    }

    private static float[] Largest(float[] outputs, int width)
    {
        float[] largest = new float[outputs.Length / width];
        for (int row = 0; row < largest.Length; row++)
        {
            ReadOnlySpan<float> values = outputs.AsSpan(row * width, width);
            int best = 0;
            for (int i = 1; i < width; i++)
            {
                best = values[i] > values[best] ? i : best;
            }

            largest[row] = best;
        }

        return largest;
    }

    private static void WriteCsv(TextWriter output, float[] values, int width)
    {
        for (int i = 0; i < values.Length; i++)
        {
            output.Write(values[i].ToString("R", CultureInfo.InvariantCulture));
            output.Write((i + 1) % width == 0 ? "\n" : ",");
        }
    }
}
