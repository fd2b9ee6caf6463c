using NativeBackprop;
using NativeBackprop.Ops;

var graph = new Graph();
Node x = graph.Input("x"), y = graph.Input("y"), z = graph.Input("z");
Node f = (x + y) * z;
Node[] d = graph.Gradient(f, x, y, z);                   // more graph, differentiable again
using Plan plan = graph.Compile([f, .. d]);
plan.Bind(x, -2f).Bind(y, 5f).Bind(z, -4f).Run();
Console.WriteLine($"f = {plan[f].Item}, d = ({string.Join(", ", d.Select(node => plan[node].Item))})");
