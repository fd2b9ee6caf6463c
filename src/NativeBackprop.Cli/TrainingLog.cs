using System.Text.Json;
using NativeBackprop.Training;

namespace NativeBackprop.Cli;

/// <summary>
/// <c>--json LOG</c>: one JSON object a line. Each line is written whole and handed to the system at once, so that a run that
/// dies leaves whole lines.
/// </summary>
internal sealed class TrainingLog : IDisposable
{
    private readonly FileStream? _file;

    /// <param name="path">The file, made anew; no log when null.</param>
    /// <param name="append">Goes on with a log that is there, for a run that is taken up again.</param>
    /// <exception cref="DataException">The system refuses to write there.</exception>
    public TrainingLog(string? path, bool append = false)
    {
        if (path is null)
        {
            return;
        }

        try
        {
            _file = new FileStream(path, append ? FileMode.Append : FileMode.Create, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"{path}: cannot be written: {e.Message}", e);
        }
    }

    public void Write(EpochReport report) => Write(json =>
    {
        json.WriteString("event", "epoch");
        json.WriteNumber("epoch", report.Epoch);
        WriteEvaluation(json, "train", report.Train);
        WriteEvaluation(json, "test", report.Test);
        json.WriteNumber("seconds", report.Seconds);
    });

    public void Write(TrainingSummary summary) => Write(json =>
    {
        json.WriteString("event", "summary");
        WriteEvaluation(json, "train", summary.Train);
        WriteEvaluation(json, "test", summary.Test);
        json.WriteNumber("epochs", summary.Epochs);
        json.WriteNumber("steps", summary.Steps);
        json.WriteNumber("samples_per_second", summary.SamplesPerSecond);
        json.WriteString("isa", summary.Native.ActiveIsa);
        json.WriteString("blas_core", summary.Native.BlasCore);
        json.WriteNumber("threads", summary.Threads);
        json.WriteNumber("seed", summary.Seed);
        json.WriteBoolean("interrupted", summary.IsInterrupted);
    });

    public void Dispose() => _file?.Dispose();

    private void Write(Action<Utf8JsonWriter> content)
    {
        if (_file is null)
        {
            return;
        }

        using var line = new MemoryStream();
        using (var json = new Utf8JsonWriter(line))
        {
            json.WriteStartObject();
            content(json);
            json.WriteEndObject();
        }

        line.WriteByte((byte)'\n');
        _file.Write(line.GetBuffer().AsSpan(0, (int)line.Length));
        _file.Flush();
    }

    private static void WriteEvaluation(Utf8JsonWriter json, string side, Evaluation? evaluation)
    {
        if (evaluation is not { } value)
        {
            return;
        }

        // JSON has no NaN; a loss that is none is null.
        json.WritePropertyName($"{side}_loss");
        if (double.IsFinite(value.Loss))
        {
            json.WriteNumberValue(value.Loss);
        }
        else
        {
            json.WriteNullValue();
        }

        if (value.Accuracy is { } accuracy)
        {
            json.WriteNumber($"{side}_accuracy", accuracy);
        }
    }
}
