// Eight threads ask one predictor while the model behind it is trained and published anew: every answer comes from one published version.
using System.Collections.Concurrent;
using NativeBackprop.Layers;
using NativeBackprop.Losses;
using NativeBackprop.Ops;
using NativeBackprop.Optimizers;
using NativeBackprop.Training;

const int versions = 50, threads = 8;
float[] question = [0.25f, -0.5f, 1], inputs = new float[32 * 3], targets = new float[32];
var random = new Random(1);
for (int i = 0; i < inputs.Length; i++)
{
    inputs[i] = random.NextSingle();
    targets[i / 3] += inputs[i];
}

var model = new Sequential(new Linear(3, 64), new Tanh(), new Linear(64, 1));
using var trainer = new Trainer(model, new MeanSquaredError(), new Adam(0.01f), new TrainerOptions { Seed = 1 });
using Predictor predictor = model.CreatePredictor(maxBatch: 1);

// What each version answers, told by a predictor of its own.
var published = new ConcurrentDictionary<float, int>();
published.TryAdd(Answer(predictor), 0);
var answers = new ConcurrentDictionary<float, int>();
using var stop = new CancellationTokenSource();
Task[] askers = [.. Enumerable.Range(0, threads).Select(_ => Task.Factory.StartNew(
    () =>
    {
        float[] answer = new float[1];
        while (!stop.IsCancellationRequested)
        {
            predictor.Predict(question, answer);
            answers.AddOrUpdate(answer[0], 1, (_, count) => count + 1);
        }
    },
    CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];

for (int version = 1; version <= versions; version++)
{
    trainer.Step(inputs, targets);
    using (Predictor alone = model.CreatePredictor(maxBatch: 1))
    {
        published.TryAdd(Answer(alone), version);
    }

    predictor.Publish(model);                           // between two steps, on the thread that trains
    Thread.Sleep(2);
}

stop.Cancel();
Task.WaitAll(askers);
int strange = answers.Keys.Count(answer => !published.ContainsKey(answer));
Console.WriteLine(
    $"{answers.Values.Sum()} answers by {threads} threads from {answers.Count} of {versions + 1} versions, {strange} from none");
return strange == 0 ? 0 : 1;

float Answer(Predictor of)
{
    float[] answer = new float[1];
    of.Predict(question, answer);
    return answer[0];
}
