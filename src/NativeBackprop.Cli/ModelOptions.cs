using System.CommandLine;
using NativeBackprop.Data;
using NativeBackprop.IO;

namespace NativeBackprop.Cli;

/// <summary><c>--model</c> and <c>--weights</c>.</summary>
internal sealed class ModelOptions
{
    public ModelOptions(bool modelRequired, bool weightsRequired, string weightsHelp)
    {
        Model = Options.Text("--model", "M.json", "Model file: input shape, layers, loss", modelRequired);
        Weights = Options.Text("--weights", "W", weightsHelp, weightsRequired);
    }

    public Option<string?> Model { get; }

    public Option<string?> Weights { get; }

    public void AddTo(Command command)
    {
        command.Add(Model);
        command.Add(Weights);
    }

    /// <summary>Reads the model file that the command line names.</summary>
    public ModelDescription Read(ParseResult result) => ModelFile.Read(result.GetValue(Model)!);

    /// <summary>Reads the model file, and the weights if there are any.</summary>
    public ModelDescription ReadWithWeights(ParseResult result)
    {
        ModelDescription description = Read(result);
        LoadWeights(result, description);
        return description;
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
}
