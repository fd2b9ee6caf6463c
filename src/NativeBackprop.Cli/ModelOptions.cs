using System.CommandLine;
using NativeBackprop.Data;
using NativeBackprop.IO;

namespace NativeBackprop.Cli;

/// <summary><c>--model</c> and <c>--weights</c>.</summary>
internal sealed class ModelOptions
{
    private readonly bool _needsWeights;

    public ModelOptions(bool modelRequired, bool weightsRequired, string weightsHelp)
    {
        Model = Options.Text("--model", "M.json", "Model file: input shape, layers, loss; or a trained model, .nbp", modelRequired);
        Weights = Options.Text("--weights", "W", weightsHelp);
        _needsWeights = weightsRequired;
    }

    public Option<string?> Model { get; }

    public Option<string?> Weights { get; }

    public void AddTo(Command command)
    {
        command.Add(Model);
        command.Add(Weights);
    }

    /// <summary>Reads the model file that the command line names.</summary>
    public ModelDescription Read(ParseResult result) => ReadTrained(result).Description;

    /// <summary>Reads the model file, and the weights if there are any.</summary>
    public ModelDescription ReadWithWeights(ParseResult result) => ReadTrainedWithWeights(result).Description;

    /// <summary>Reads the model file, which may hold weights and names of classes, and the weights if there are any.</summary>
    public TrainedModel ReadTrainedWithWeights(ParseResult result)
    {
        TrainedModel model = ReadTrained(result);
        if (_needsWeights && !IsTrained(result) && result.GetValue(Weights) is null)
        {
            throw new OptionException($"Option '{Weights.Name}' is required, unless the model is a .nbp file.");
        }

        LoadWeights(result, model.Description);
        return model;
    }

    /// <summary>Reads the weights, if the command line names any.</summary>
    public void LoadWeights(ParseResult result, ModelDescription description)
    {
        if (result.GetValue(Weights) is { } path)
        {
            WeightsFile.Load(path, description.Model);
        }
    }

    /// <summary>Checks that rows of a data set are what a model takes.</summary>
    /// <exception cref="DataException">They are wider or narrower.</exception>
    public static void CheckWidth(ModelDescription description, Dataset data)
    {
        if (data.Features != description.InputWidth)
        {
            throw new DataException(
                $"{data.Name}: expected rows of {description.InputWidth} inputs, as the model takes them, found {data.Features}");
        }
    }

    private bool IsTrained(ParseResult result) =>
        result.GetValue(Model)!.EndsWith(".nbp", StringComparison.OrdinalIgnoreCase);

    private TrainedModel ReadTrained(ParseResult result) => IsTrained(result)
        ? TrainedModelFile.Load(result.GetValue(Model)!)
        : new TrainedModel(ModelFile.Read(result.GetValue(Model)!), []);
}
