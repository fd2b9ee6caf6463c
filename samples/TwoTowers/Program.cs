// Two towers with an input each and one cost for both: people and things are brought to places near one another where they go together.
using NativeBackprop;
using NativeBackprop.Layers;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;

const int rows = 200, width = 4;
var random = new Random(1);
float[] people = new float[rows * width], things = new float[rows * width], likes = new float[rows];
for (int row = 0; row < rows; row++)
{
    for (int i = 0; i < width; i++)
    {
        people[(row * width) + i] = random.NextSingle() - 0.5f;
        things[(row * width) + i] = random.NextSingle() - 0.5f;
        likes[row] += 4 * people[(row * width) + i] * things[(row * width) + width - 1 - i];
    }
}

// A graph of one's own: any inputs, any layers, any scalar to minimise.
var graph = new Graph();
var context = new BuildContext(graph, BuildMode.Training, seed: 3);
Node person = graph.Input("person", [Shape.Batch, width]), thing = graph.Input("thing", [Shape.Batch, width]);
Node like = graph.Input("like", [Shape.Batch]);
Layer left = new Sequential(new Linear(width, 16), new Tanh(), new Linear(16, 8));
Layer right = new Sequential(new Linear(width, 16), new Tanh(), new Linear(16, 8));
Node match = (left.Build(person, context.Child("person")) * right.Build(thing, context.Child("thing"))).Sum(1);
Node cost = (match - like).Square().Mean();

using var step = new TrainingStep(context, cost, [.. left.Parameters, .. right.Parameters], new Adam(0.01f));
float first = step.Bind(person, people).Bind(thing, things).Bind(like, likes).Run(), last = first;
while (step.Steps < 1000)
{
    last = step.Run();                                  // the inputs stay bound
}

Console.WriteLine($"cost {first:0.000} before, {last:0.000} after {step.Steps} steps; learnt: {last < first / 20}");
