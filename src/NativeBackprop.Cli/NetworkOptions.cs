using System.CommandLine;
using System.Globalization;
using NativeBackprop.Data;
using NativeBackprop.IO;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;

namespace NativeBackprop.Cli;

/// <summary>What <c>nbp train</c> trains: a model file, or a network of fully connected layers by their widths.</summary>
internal sealed class NetworkOptions
{
    private readonly ModelOptions _file = new(modelRequired: false, weightsRequired: false, "Start from these weights (safetensors)");

    private readonly Option<int[]> _hidden = new("--hidden")
    {
        HelpName = "N,N,…",
        Arity = ArgumentArity.ExactlyOne,
        Description = "Instead of --model: widths of the hidden layers, or none",
        DefaultValueFactory = _ => [256],
        CustomParser = result => Options.Parse(result, "widths of at least 1 with commas between them, or none", Widths),
    };

    private readonly Option<string> _activation =
        Options.Choice("--activation", "NAME", "Instead of --model: function of the hidden units", Functions.Names, "relu");

    public Option<string?> Weights => _file.Weights;

    public void AddTo(Command command)
    {
        _file.AddTo(command);
        command.Add(_hidden);
        command.Add(_activation);
    }

    /// <summary>Refuses a model described twice.</summary>
    public void Check(ParseResult result)
    {
        Options.RefuseBoth(result, _file.Model, _hidden);
        Options.RefuseBoth(result, _file.Model, _activation);
    }

    /// <summary>Makes the model that goes with the data, with the weights to start from if there are any.</summary>
    public ModelDescription Create(ParseResult result, Dataset data)
    {
        ModelDescription description = Options.IsGiven(result, _file.Model) ? _file.Read(result) : FullyConnected(result, data);
        ModelOptions.CheckWidth(description, data);
        if (description.Model.Parameters.Count == 0)
        {
            throw new DataException($"{result.GetValue(_file.Model)}: the model has no parameters to train");
        }

        _file.LoadWeights(result, description);
        return description;
    }

    private ModelDescription FullyConnected(ParseResult result, Dataset data)
    {
        if (data.HasIndices)
        {
            return OfText(result, data);
        }

        int outputs = data.IsClassification ? data.Classes : data.TargetWidth, width = data.Features;
        Layer activation = Functions.Create(result.GetRequiredValue(_activation));
        var layers = new List<Layer>();
        foreach (int units in result.GetRequiredValue(_hidden))
        {
            layers.Add(new Linear(width, units));
            layers.Add(activation);
            width = units;
        }

        layers.Add(new Linear(width, outputs));
        return new ModelDescription([data.Features], new Sequential([.. layers]), data.IsClassification ? "softmax_cross_entropy" : "mse");
    }

    // A recurrence of the first hidden width, or more on top of each other: each step tells the next character.
    private ModelDescription OfText(ParseResult result, Dataset data)
    {
        if (Options.IsGiven(result, _activation))
        {
            throw new OptionException(
                $"{_activation.Name}: the layers of text are LSTMs, which have functions of their own, expected none");
        }

        int width = Math.Min(64, data.IndexBound);
        var layers = new List<Layer> { new Embedding(data.IndexBound, width) };
        foreach (int units in result.GetRequiredValue(_hidden))
        {
            layers.Add(new Lstm(width, units));
            width = units;
        }

        layers.Add(new Linear(width, data.Classes));
        var input = RowShape.Indices(data.Features, data.IndexBound);
        return new ModelDescription(input, new Sequential(input, [.. layers]), new SoftmaxCrossEntropy());
    }

    private static int[]? Widths(string text)
    {
        if (text == "none")
        {
            return [];
        }

        string[] parts = text.Split(',');
        int[] widths = new int[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            if (
                !int.TryParse(
                    parts[i], NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out widths[i])
                    || widths[i] < 1)
            {
                return null;
            }
        }

        return widths;
    }
}
