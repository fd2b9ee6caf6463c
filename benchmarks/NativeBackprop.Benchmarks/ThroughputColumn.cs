using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using NativeBackprop.Benchmarks.Ops;

namespace NativeBackprop.Benchmarks;

/// <summary>A rate in units of 10⁹ a second, from a benchmark's <see cref="WorkAttribute"/> and its mean time.</summary>
public sealed class ThroughputColumn(string name, Func<WorkAttribute, double> perElement) : IColumn
{
    public string Id => name;

    public string ColumnName => name;

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public string Legend => $"{name} of the mean time";

    public bool IsAvailable(Summary summary) => true;

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase) => GetValue(summary, benchmarkCase, SummaryStyle.Default);

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style)
    {
        var work = (WorkAttribute?)Attribute.GetCustomAttribute(benchmarkCase.Descriptor.WorkloadMethod, typeof(WorkAttribute));
        double? mean = summary[benchmarkCase]?.ResultStatistics?.Mean;
        double? elements = benchmarkCase.Parameters["Length"] is int length ? length
            : benchmarkCase.Parameters["Product"] is string product ? ProductBenchmark.MultiplyAddsOf(product) : null;
        return work is null || mean is null || elements is null
            ? "-"
            : (perElement(work) * elements.Value / mean.Value).ToString("0.0", CultureInfo.InvariantCulture);
    }
}
