using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;

float[] inputs = [0, 0, 0, 1, 1, 0, 1, 1], targets = [0, 1, 1, 0];          // XOR
var model = new Sequential(new Linear(2, 8), new Tanh(), new Linear(8, 1));
using var trainer = new Trainer(model, new MeanSquaredError(), new Sgd(0.1f, momentum: 0.9f), new TrainerOptions { Seed = 1 });
float loss = 1;
for (int step = 1; step <= 500; step++)
{
    loss = trainer.Step(inputs, targets);                                   // forward, backward, update: no allocation
}

Console.WriteLine($"loss {loss:0.0e0}, outputs {string.Join(' ', trainer.Output.ToArray().Select(y => y.ToString("0.00")))}");
