using System.CommandLine;
using System.Globalization;
using NativeBackprop.Data;
using NativeBackprop.IO;
using NativeBackprop.Layers;
using NativeBackprop.Losses;

namespace NativeBackprop.Cli;

/// <summary>What <c>nbp train</c> trains: a network of fully connected layers by their widths.</summary>
internal sealed class ModelOptions
{
    private readonly Option<int[]> _hidden = new("--hidden")
    {
        HelpName = "N,N,…",
        Description = "Widths of the hidden layers; none for no hidden layer",
        DefaultValueFactory = _ => [128],
        CustomParser = result => Options.Parse(result, "widths of at least 1 with commas between them, or none", Widths),
    };

    private readonly Option<string> _activation =
        Options.Choice("--activation", "NAME", "Function of the hidden units", ActivationCatalog.Names, "relu");

    public void AddTo(Command command)
    {
        command.Add(_hidden);
        command.Add(_activation);
    }

    /// <summary>Makes the model and the loss that go with the data.</summary>
    public (Sequential Model, Loss Loss) Create(ParseResult result, Dataset data)
    {
        int outputs = data.IsClassification ? data.Classes : data.TargetWidth;
        Layer activation = ActivationCatalog.Create(result.GetRequiredValue(_activation));
        var layers = new List<Layer>();
        int width = data.Features;
        foreach (int units in result.GetRequiredValue(_hidden))
        {
            layers.Add(new Linear(width, units));
            layers.Add(activation);
            width = units;
        }

        layers.Add(new Linear(width, outputs));
        return (new Sequential([.. layers]), data.IsClassification ? new SoftmaxCrossEntropy() : new MeanSquaredError());
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
            if (!int.TryParse(parts[i], NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out widths[i]) || widths[i] < 1)
            {
                return null;
            }
        }

        return widths;
    }
}
