using System.CommandLine;
using NativeBackprop.Data;
using NativeBackprop.IO;
using NativeBackprop.Layers;

namespace NativeBackprop.Cli;

/// <summary><c>nbp generate</c>: text that a trained model of characters makes up.</summary>
internal static class GenerateCommand
{
    public static Command Create()
    {
        var model = new Argument<string>("M.nbp") { Description = "A model of text, as nbp train TEXT.txt --save M.nbp writes it" };
        Option<string?> prompt = Options.Text("--prompt", "TEXT", "What the text begins with; printed too");
        Option<int?> length = Options.Count("--length", "Characters to make up", 500);
        Option<double?> temperature = Options.Number<double>(
            "--temperature", "T", "How adventurous: 0 takes the likeliest character each time, 1 draws as the model has learnt",
            "a finite number of at least 0", value => value >= 0 && double.IsFinite(value), 1);
        Option<ulong?> seed = Options.Seed("Seed of what is drawn");
        var command = new Command("generate", "Print text that a trained model of characters makes up, one character after the other.")
        {
            model, prompt, length, temperature, seed,
        };
        return command.WithAction((result, output, cancellation) =>
        {
            string path = result.GetRequiredValue(model);
            TrainedModel trained = TrainedModelFile.Load(path);
            using SequencePredictor predictor = Open(path, trained);
            var random = new RandomSource(result.GetValue(seed)!.Value);
            string begin = result.GetValue(prompt) ?? "";
            int[] indices = TextData.Indices("--prompt", begin, trained.Classes);
            output.Write(begin);
            float[] logits = new float[predictor.OutputWidth];
            foreach (int index in indices)
            {
                predictor.StepIndices([index], logits);
            }

            // Nothing to go on from: any character may be the first.
            int next = indices.Length > 0 ? Draw(logits, result.GetValue(temperature)!.Value, random) : random.NextInt(logits.Length);
            for (int i = 0; i < result.GetValue(length)!.Value; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                output.Write(trained.Classes[next]);
                predictor.StepIndices([next], logits);
                next = Draw(logits, result.GetValue(temperature)!.Value, random);
            }

            output.WriteLine();
            return CliHost.Success;
        });
    }

    private static SequencePredictor Open(string path, TrainedModel trained)
    {
        ModelDescription description = trained.Description;
        bool isText = description.Input.Kind == RowKind.Indices && trained.Classes.Count == description.Input.Bound
            && description.OutputShape.Rank == 3 && description.OutputShape[-1] == trained.Classes.Count;
        if (!isText)
        {
            throw new DataException(
                $"{path}: expected a model of text, which reads characters and gives the next one at each step, found one of "
                + $"{description.Input} and {trained.Classes.Count} classes");
        }

        return new SequencePredictor(description.Model);
    }

    // One of the classes by its probability, the logits divided by the temperature: the largest of the logits when each has a number of
    // Gumbel's distribution added (Maddison et al. 2014), which needs no function that differs between machines.
    private static int Draw(ReadOnlySpan<float> logits, double temperature, RandomSource random)
    {
        (int best, double largest) = (0, double.NegativeInfinity);
        for (int i = 0; i < logits.Length; i++)
        {
            // Above 0, and below 1, so that both logarithms are finite.
            double noise = temperature == 0 ? 0 : -PortableMath.Log(-PortableMath.Log(Math.Max(random.NextDouble(), double.Epsilon)));
            double value = logits[i] + (temperature * noise);
            (best, largest) = value > largest ? (i, value) : (best, largest);
        }

        return best;
    }
}
