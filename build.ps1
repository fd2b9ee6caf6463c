# The same verbs as build.sh, for Windows: run, test, bench, pack, clean.
# OpenBLAS itself comes with the package OpenBlasSharp.Windows; CMake and a C compiler are named when missing.
[CmdletBinding(PositionalBinding = $false)]
param(
    [Parameter(Position = 0)] [string] $Verb = '',
    [Parameter(ValueFromRemainingArguments = $true)] [string[]] $Arguments = @()
)
$ErrorActionPreference = 'Stop'
Set-Location $PSScriptRoot
$env:DOTNET_CLI_TELEMETRY_OPTOUT = '1'
$env:DOTNET_NOLOGO = '1'
$solution = 'NativeBackprop.sln'
$results = 'artifacts/test-results'

function Show-Usage {
    [Console]::Error.WriteLine(@'
usage: ./build.ps1 VERB [ARGUMENTS]

  run [ARGUMENTS]    build, then `nbp ARGUMENTS`; alone it trains on the embedded digits
  test               build, run the C and the C# tests, end with "N passed, N failed, N skipped"
  bench [ARGUMENTS]  build and run the benchmark suite
  pack               write the NuGet package to artifacts/packages
  clean              remove everything that a build made
'@)
}

function Stop-Build([string] $Message) {
    [Console]::Error.WriteLine("build.ps1: $Message")
    exit 1
}

function Test-Command([string] $Name) { $null -ne (Get-Command $Name -ErrorAction SilentlyContinue) }

# Runs a command in silence; when it fails, shows what it said.
function Invoke-Quietly([string] $Program, [string[]] $List) {
    $said = & $Program @List 2>&1
    if ($LASTEXITCODE -ne 0) {
        $said | ForEach-Object { [Console]::Error.WriteLine("$_") }
        Stop-Build "failed: $Program $List"
    }
}

function Test-Prerequisites {
    $sdk = 'https://dotnet.microsoft.com/download/dotnet/10.0'
    if (-not (Test-Command dotnet)) { Stop-Build "the .NET 10 SDK is missing; it comes from $sdk" }
    if (-not (& dotnet --list-sdks | Where-Object { $_ -match '^[1-9][0-9]+\.' })) {
        Stop-Build "the .NET SDK is older than 10; the .NET 10 SDK comes from $sdk"
    }
    if (-not (Test-Command cmake)) {
        Stop-Build 'CMake 3.21 or newer is missing; install it with: winget install Kitware.CMake'
    }
    if (-not ((Test-Command cl) -or (Test-Command gcc) -or (Test-Command clang))) {
        Stop-Build 'no C compiler on PATH; install one with: winget install LLVM.LLVM (or run from a Visual Studio developer prompt)'
    }
}

function Invoke-Build([string] $Project) {
    Invoke-Quietly dotnet @('build', $Project, '-c', 'Release', '-v', 'quiet', '-tl:off')
}

function Invoke-Run {
    Invoke-Build 'src/NativeBackprop.Cli'
    $list = $Arguments
    if ($list.Count -eq 0) { $list = @('train', 'digits') }
    elseif ($list[0] -like '-*' -and $list[0] -notin '--help', '-h', '-?', '--version') { $list = @('train', 'digits') + $list }
    & dotnet src/NativeBackprop.Cli/bin/Release/net10.0/nbp.dll @list
    exit $LASTEXITCODE
}

function Invoke-Tests {
    if (Test-Path $results) { Remove-Item -Recurse -Force $results }
    $folder = (New-Item -ItemType Directory -Force $results).FullName
    $junit = Join-Path $folder 'ctest.xml'
    $trx = Join-Path $folder 'dotnet.trx'

    # A build that fails leaves its runner without results; the last line comes all the same.
    $ctestSaid = & cmake -DTARGET=all -P src/NativeBackprop/BuildNative.cmake 2>&1
    if ($LASTEXITCODE -eq 0) { $ctestSaid = & ctest --preset release --output-junit $junit 2>&1 }
    $ctestStatus = $LASTEXITCODE
    $dotnetSaid = & dotnet build $solution -c Release -v quiet -tl:off 2>&1
    if ($LASTEXITCODE -eq 0) { $dotnetSaid = & dotnet test $solution -c Release --no-build -v quiet -tl:off --logger "console;verbosity=minimal" --logger "trx;LogFileName=$trx" 2>&1 }
    $dotnetStatus = $LASTEXITCODE

    $broken = @(); $passed = 0; $failed = 0; $skipped = 0
    if (Test-Path $junit) {
        $cases = @(([xml](Get-Content -Raw $junit)).SelectNodes('//testcase'))
        $p = @($cases | Where-Object { $_.status -eq 'run' }).Count
        $f = @($cases | Where-Object { $_.status -eq 'fail' }).Count
        $passed += $p; $failed += $f; $skipped += $cases.Count - $p - $f
        if ($p + $f -eq 0) { $broken += 'CTest ran no test' }
        if ($ctestStatus -ne 0 -and $f -eq 0) { $broken += "CTest ended with $ctestStatus although no test failed" }
    } else { $broken += 'CTest wrote no results' }
    if (Test-Path $trx) {
        $cases = @(([xml](Get-Content -Raw $trx)).GetElementsByTagName('UnitTestResult'))
        $p = @($cases | Where-Object { $_.outcome -eq 'Passed' }).Count
        $s = @($cases | Where-Object { $_.outcome -in 'NotExecuted', 'NotRunnable' }).Count
        $f = $cases.Count - $p - $s
        $passed += $p; $failed += $f; $skipped += $s
        if ($p + $f -eq 0) { $broken += 'dotnet test ran no test' }
        if ($dotnetStatus -ne 0 -and $f -eq 0) { $broken += "dotnet test ended with $dotnetStatus although no test failed" }
    } else { $broken += 'dotnet test wrote no results' }

    if ($ctestStatus -ne 0) { $ctestSaid | ForEach-Object { "$_" } }
    if ($dotnetStatus -ne 0) { $dotnetSaid | ForEach-Object { "$_" } }
    $broken | ForEach-Object { "build.ps1: $_" }
    "$passed passed, $failed failed, $skipped skipped"
    exit [int]($failed -gt 0 -or $broken.Count -gt 0)
}

function Invoke-Bench {
    Invoke-Build 'benchmarks/NativeBackprop.Benchmarks'
    & dotnet benchmarks/NativeBackprop.Benchmarks/bin/Release/net10.0/NativeBackprop.Benchmarks.dll @Arguments
    exit $LASTEXITCODE
}

function Invoke-Pack {
    if (Test-Path artifacts/packages) { Remove-Item -Recurse -Force artifacts/packages }
    Invoke-Quietly dotnet @('pack', 'src/NativeBackprop', '-c', 'Release', '-v', 'quiet', '-tl:off', '-o', 'artifacts/packages')
    Get-ChildItem artifacts/packages/*.nupkg | ForEach-Object { $_.FullName }
}

function Invoke-Clean {
    $made = @('build', 'artifacts', 'TestResults', 'BenchmarkDotNet.Artifacts') | Where-Object { Test-Path $_ }
    $made += Get-ChildItem src, tests, benchmarks, samples -Recurse -Directory -Include bin, obj, TestResults -ErrorAction SilentlyContinue |
        ForEach-Object { $_.FullName }
    $made | Where-Object { Test-Path $_ } | ForEach-Object { Remove-Item -Recurse -Force $_ }
}

switch ($Verb) {
    'run' { Test-Prerequisites; Invoke-Run }
    'test' { Test-Prerequisites; Invoke-Tests }
    'bench' { Test-Prerequisites; Invoke-Bench }
    'pack' { Test-Prerequisites; Invoke-Pack }
    'clean' { Invoke-Clean }
    default { Show-Usage; exit 2 }
}
