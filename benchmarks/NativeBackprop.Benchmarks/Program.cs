using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using NativeBackprop.Benchmarks;
using NativeBackprop.Benchmarks.Execution;
using NativeBackprop.Diagnostics;

if (args is ["embedding", ..])
{
    return EmbeddingFigures.Run(args[1..]);
}

// In this process: what is measured is native code, and its libraries are loaded and checked here.
SystemInfo system = SystemInfo.Collect();
Console.WriteLine(
    $"{system.Cpu}; kernels {system.Native.ActiveIsa}; OpenBLAS {system.Native.BlasVersion} {system.Native.BlasCore}; {system.Runtime}");
foreach (string warning in system.Native.Warnings)
{
    Console.WriteLine($"warning: {warning}");
}

IConfig config = DefaultConfig.Instance
    .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance))
    .AddColumn(
        new ThroughputColumn("GFLOP/s", static work => work.FlopsPerElement),
        new ThroughputColumn("GB/s", static work => work.BytesPerElement))
    .WithOption(ConfigOptions.DisableOptimizationsValidator, true);
BenchmarkSwitcher.FromAssembly(typeof(ThroughputColumn).Assembly).Run(args.Length > 0 ? args : ["--filter", "*"], config);
return 0;
