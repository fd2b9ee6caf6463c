using System.CommandLine;
using NativeBackprop.Diagnostics;
using NativeBackprop.Interop;
using NativeBackprop.Ops;
using Spectre.Console;

namespace NativeBackprop.Cli;

/// <summary><c>nbp info</c>: what this machine and its native libraries are, and what costs speed on it.</summary>
internal static class InfoCommand
{
    public static Command Create()
    {
        Option<bool> json = JsonText.Option();
        return new Command("info", "Show CPU, instruction set, native libraries and what costs speed here.") { json }
            .WithAction((result, output, _) =>
            {
                SystemInfo info = SystemInfo.Collect();
                if (result.GetValue(json))
                {
                    JsonText.Write(output, Document(info));
                }
                else if (CliHost.IsTerminal(output))
                {
                    WriteTable(info);
                }
                else
                {
                    WriteLines(info, output);
                }

                return CliHost.Success;
            });
    }

    private static object Document(SystemInfo info) => new
    {
        info.Cpu,
        Threads = info.LogicalProcessors,
        Isa = info.Native.ActiveIsa,
        info.Native.BestIsa,
        info.Native.KernelsPath,
        info.Native.AbiVersion,
        info.Native.BlasPath,
        info.Native.BlasVersion,
        info.Native.BlasConfig,
        info.Native.BlasCore,
        info.Native.BestBlasCore,
        Products = ProductRule.Describe(),
        HugePages = HugePages.Mode,
        Os = info.OperatingSystem,
        info.Architecture,
        Dotnet = info.Runtime,
        info.Native.Warnings,
    };

    private static (string Label, string Value)[] Rows(SystemInfo info) =>
    [
        ("CPU", $"{info.Cpu}, {info.LogicalProcessors} logical processors"),
        ("Instruction set", Against(info.Native.ActiveIsa, info.Native.BestIsa)),
        ("Kernels", $"{info.Native.KernelsPath} (ABI {info.Native.AbiVersion})"),
        .. Blas(info.Native),
        ("Products", ProductRule.Describe()),
        ("Huge pages", HugePageText()),
        ("System", $"{info.OperatingSystem}, {info.Architecture}"),
        (".NET", info.Runtime),
    ];

    private static (string Label, string Value)[] Blas(NativeLibraryInfo native) => native is { BlasPath: { } path, BlasCore: { } core }
        ? [("OpenBLAS", path), ("OpenBLAS build", native.BlasConfig!), ("OpenBLAS core", Against(core, native.BestBlasCore!))]
        : [("OpenBLAS", "none")];

    private static string HugePageText() => HugePages.Mode switch
    {
        ("always" or "madvise") and var mode => $"granted to large arrays (transparent_hugepage is {mode})",
        "never" => "refused (transparent_hugepage is never)",
        _ => "not on this system",
    };

    private static string Against(string actual, string best) => actual == best ? actual : $"{actual} (this CPU can run {best})";

    private static void WriteLines(SystemInfo info, TextWriter output)
    {
        foreach ((string label, string value) in Rows(info))
        {
            output.WriteLine($"{label + ":",-17}{value}");
        }

        foreach (string warning in info.Native.Warnings)
        {
            output.WriteLine($"warning: {warning}");
        }
    }

    private static void WriteTable(SystemInfo info)
    {
        Table table = new Table().Border(TableBorder.Rounded).HideHeaders().AddColumns("", "");
        foreach ((string label, string value) in Rows(info))
        {
            table.AddRow($"[bold]{label}[/]", Markup.Escape(value));
        }

        AnsiConsole.Write(table);
        foreach (string warning in info.Native.Warnings)
        {
            AnsiConsole.MarkupLine($"[yellow]warning:[/] {Markup.Escape(warning)}");
        }
    }
}
