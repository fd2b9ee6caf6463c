using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;

// A base learns one task. Then it is frozen, and a new head on top of it learns another.
float[] inputs = [0, 0, 0, 1, 1, 0, 1, 1], xor = [0, 1, 1, 0], and = [0, 0, 0, 1];
var trunk = new Sequential(new Linear(2, 8), new Tanh());
Train(new Sequential(trunk, new Linear(8, 1)), xor, "xor");

trunk.Freeze();
float[] before = Values(trunk);
var head = new Linear(8, 1);
head.Initialize(seed: 2);
float[] start = Values(head);
Train(new Sequential(trunk, head), and, "and");
Console.WriteLine($"base as it was, bit for bit: {Values(trunk).SequenceEqual(before)}; head moved: {!Values(head).SequenceEqual(start)}");

void Train(Layer model, float[] targets, string task)
{
    using var trainer = new Trainer(model, new MeanSquaredError(), new Adam(0.05f), new TrainerOptions { Seed = 1 });
    float loss = 1;
    for (int step = 1; step <= 500; step++)
    {
        loss = trainer.Step(inputs, targets);
    }

    Console.WriteLine($"{task}: loss {loss:0.0000}");
}

float[] Values(Layer layer) => [.. layer.Parameters.SelectMany(parameter => parameter.Value.ToArray())];
