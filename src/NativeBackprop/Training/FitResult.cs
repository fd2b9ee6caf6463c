using System.Globalization;
using System.Text;

namespace NativeBackprop.Training;

/// <summary>Loss and accuracy over some rows.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
/// <param name="Loss">Mean loss of a row, without penalties on the parameters.</param>
/// <param name="Accuracy">Share of rows whose largest output is at their class; null unless the targets are classes.</param>
public readonly record struct Evaluation(double Loss, double? Accuracy);

/// <summary>What an epoch came to.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
/// <param name="Epoch">Counted from 1.</param>
/// <param name="Train">Over the minibatches as they were trained on, each before its update.</param>
/// <param name="Test">Over the held-out rows after the epoch; null when there are none.</param>
/// <param name="Seconds">Time of the epoch's training, without the evaluation.</param>
public sealed record EpochReport(int Epoch, Evaluation Train, Evaluation? Test, double Seconds);

/// <summary>What a training run came to.</summary>
/// <remarks>Thread safety: immutable; any threads may use it at once.</remarks>
/// <param name="Epochs">The finished epochs; the last one may be a part, where the run was to end after a number of steps.</param>
/// <param name="Steps">Updates made by this run.</param>
/// <param name="SamplesPerSecond">Rows trained on for each second of training.</param>
/// <param name="IsCancelled">True when the caller stopped it before the end.</param>
public sealed record FitResult(IReadOnlyList<EpochReport> Epochs, long Steps, double SamplesPerSecond, bool IsCancelled)
{
    /// <summary>The finished epochs.</summary>
    /// <exception cref="ArgumentNullException">The list is null.</exception>
    public IReadOnlyList<EpochReport> Epochs { get; init => field = value ?? throw new ArgumentNullException(nameof(value)); }
        = Epochs ?? throw new ArgumentNullException(nameof(Epochs));

    /// <summary>The last finished epoch, or null.</summary>
    public EpochReport? Last => Epochs.Count > 0 ? Epochs[^1] : null;

    /// <summary>For example <c>2 epochs, 120 steps, train loss 0.0831, accuracy 0.9765, test loss 0.1022, accuracy 0.9694</c>.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Count(Epochs.Count, "epoch")}, {Count(Steps, "step")}");
        if (Last is { } last)
        {
            Append("train", last.Train);
            if (last.Test is { } test)
            {
                Append("test", test);
            }
        }

        return text.Append(IsCancelled ? ", stopped before the end" : "").ToString();

        static string Count(long count, string what) =>
            string.Create(CultureInfo.InvariantCulture, $"{count} {what}{(count == 1 ? "" : "s")}");

        void Append(string side, Evaluation evaluation)
        {
            text.Append(CultureInfo.InvariantCulture, $", {side} loss {evaluation.Loss:0.0000}");
            if (evaluation.Accuracy is { } accuracy)
            {
                text.Append(CultureInfo.InvariantCulture, $", accuracy {accuracy:0.0000}");
            }
        }
    }
}
