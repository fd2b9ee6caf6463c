using System.CommandLine;
using System.Globalization;
using NativeBackprop.Data;
using NativeBackprop.IO;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;

namespace NativeBackprop.Cli;

/// <summary><c>nbp eval</c>: loss and accuracy of a trained model on a data set.</summary>
internal static class EvalCommand
{
    public static Command Create()
    {
        var data = new DataOptions();
        var model = new ModelOptions(modelRequired: true, weightsRequired: true, "Weights of the model (safetensors)");
        Option<int?> threads = Options.Threads();
        Option<bool> json = JsonText.Option();
        var command = new Command("eval", "Measure loss and accuracy of a model on a data set; on its test set if it has one of its own.");
        data.AddTo(command);
        model.AddTo(command);
        command.Add(threads);
        command.Add(json);
        data.AddCsvOptionsTo(command);
        return command.WithAction((result, output, _) =>
        {
            TrainedModel trained = model.ReadTrainedWithWeights(result);
            ModelDescription description = trained.Description;
            DataSplit split = data.Open(result, trained);
            Dataset rows = split.Test ?? split.Train;
            ModelOptions.CheckWidth(description, rows);

            // Evaluation alone needs no optimizer; the trainer asks for one and never steps with it.
            using var trainer = new Trainer(
                description.Model, description.CreateLoss(
                    denseTargets: !rows.IsClassification), new Sgd(1), new TrainerOptions { Threads = result.GetValue(threads)!.Value });
            Evaluation evaluation = trainer.Evaluate(rows);
            if (result.GetValue(json))
            {
                JsonText.Write(output, new { Rows = rows.Count, Loss = JsonText.Finite(evaluation.Loss), evaluation.Accuracy });
            }
            else
            {
                output.WriteLine($"Rows:     {rows.Count}");
                output.WriteLine($"Loss:     {evaluation.Loss.ToString("G9", CultureInfo.InvariantCulture)}");
                if (evaluation.Accuracy is { } accuracy)
                {
                    output.WriteLine($"Accuracy: {accuracy.ToString("0.0000", CultureInfo.InvariantCulture)}");
                }
            }

            return CliHost.Success;
        });
    }
}
