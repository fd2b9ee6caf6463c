#!/usr/bin/env bash
# One entry for every chore; see usage() below. Each verb first looks for what it needs and installs it
# where it can (Debian, Ubuntu, Homebrew), or says in one line what is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

solution=NativeBackprop.sln
results=artifacts/test-results
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

usage() {
    cat <<'USAGE'
usage: ./build.sh VERB [ARGUMENTS]

  run [ARGUMENTS]    build, then `nbp ARGUMENTS`; alone it trains on the embedded digits
  test               build, run the C and the C# tests, end with "N passed, N failed, N skipped"
  bench [ARGUMENTS]  build and run the benchmark suite
  pack               write the NuGet package to artifacts/packages
  clean              remove everything that a build made
USAGE
}

fail() {
    printf 'build.sh: %s\n' "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command in silence; when it fails, shows what it said.
quietly() {
    local log
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1 </dev/null; then
        cat "$log" >&2
        rm -f "$log"
        fail "failed: $*"
    fi
    rm -f "$log"
}

# ---- what must be there ---------------------------------------------------------------------------

have_openblas() {
    [[ -n "${NBP_OPENBLAS_PATH:-}" ]] && return 0
    local file
    for file in /usr/lib/*/libopenblas.so.0 /usr/lib64/libopenblas*.so.0 /usr/lib/libopenblas.so* /usr/local/lib/libopenblas.* \
                /opt/homebrew/opt/openblas/lib/libopenblas.dylib /usr/local/opt/openblas/lib/libopenblas.dylib \
                /home/linuxbrew/.linuxbrew/opt/openblas/lib/libopenblas.so; do
        [[ -e "$file" ]] && return 0
    done
    return 1
}

have_compiler() { have cc || have gcc || have clang; }

have_cmake() {
    local version
    have cmake || return 1
    version=$(cmake --version | awk 'NR == 1 { print $3 }')
    [[ $(printf '3.21\n%s\n' "$version" | sort -V | head -n 1) == 3.21 ]]
}

have_build_tool() { have ninja || have make; }

apt_install() {
    local as_root=()
    if [[ $(id -u) -ne 0 ]]; then
        have sudo || fail "missing $*; as root: apt-get install -y $*"
        # Without a terminal nobody can answer a password prompt.
        if [[ -t 0 ]]; then as_root=(sudo); else as_root=(sudo -n); fi
    fi
    printf 'build.sh: installing %s\n' "$*" >&2
    quietly ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    quietly ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

prepare() {
    have dotnet || fail "the .NET 10 SDK is missing; it comes from https://dotnet.microsoft.com/download/dotnet/10.0"
    dotnet --list-sdks | grep -Eq '^[1-9][0-9]+\.' ||
        fail "the .NET SDK is older than 10; the .NET 10 SDK comes from https://dotnet.microsoft.com/download/dotnet/10.0"

    local debian=() brew=()
    have_openblas   || { debian+=(libopenblas0-pthread); brew+=(openblas); }
    have_cmake      || { debian+=(cmake); brew+=(cmake); }
    have_compiler   || { debian+=(gcc libc6-dev); brew+=(gcc); }
    have_build_tool || { debian+=(make); brew+=(ninja); }
    [[ ${#debian[@]} -eq 0 ]] && return

    if have apt-get; then
        apt_install "${debian[@]}"
    elif have brew; then
        printf 'build.sh: installing %s\n' "${brew[*]}" >&2
        quietly brew install "${brew[@]}"
    else
        fail "missing: ${debian[*]} (Debian's names); install them with this system's package manager"
    fi
    have_openblas && have_cmake && have_compiler && have_build_tool ||
        fail "still missing after installing ${debian[*]}: OpenBLAS, CMake 3.21 or newer, a C compiler and ninja or make are needed"
}

build() { quietly dotnet build "$1" -c Release -v quiet -tl:off "${@:2}"; }

# ---- the verbs ------------------------------------------------------------------------------------

run() {
    build src/NativeBackprop.Cli
    case "${1:-}" in
        '')  set -- train digits ;;
        --help | -h | -\? | --version) ;;
        -*)  set -- train digits "$@" ;;
    esac
    exec dotnet src/NativeBackprop.Cli/bin/Release/net10.0/nbp.dll "$@"
}

# Counts one kind of outcome: the elements of a result file (one per line after splitting) that match a pattern.
count() { tr '\n' ' ' <"$1" | sed 's/</\n</g' | grep -Ec "$2" || true; }

run_tests() {
    local broken=() ctest_status=0 dotnet_status=0
    local junit="$PWD/$results/ctest.xml" trx="$PWD/$results/dotnet.trx"
    rm -rf "$results"
    mkdir -p "$results"

    # A build that fails leaves its runner without results; the last line comes all the same.
    if (quietly cmake -DTARGET=all -P src/NativeBackprop/BuildNative.cmake); then
        ctest --preset release --output-junit "$junit" >"$results/ctest.log" 2>&1 </dev/null || ctest_status=$?
        [[ $ctest_status -eq 0 ]] || cat "$results/ctest.log"
    fi
    if (build "$solution"); then
        dotnet test "$solution" -c Release --no-build -v quiet -tl:off \
            --logger "console;verbosity=minimal" --logger "trx;LogFileName=$trx" >"$results/dotnet.log" 2>&1 </dev/null || dotnet_status=$?
        [[ $dotnet_status -eq 0 ]] || cat "$results/dotnet.log"
    fi

    local passed=0 failed=0 skipped=0 p f s
    if [[ -s "$junit" ]]; then
        p=$(count "$junit" '^<testcase .*status="run"')
        f=$(count "$junit" '^<testcase .*status="fail"')
        s=$(count "$junit" '^<testcase .*status="(notrun|disabled)"')
        passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
        [[ $((p + f)) -gt 0 ]] || broken+=("CTest ran no test")
        [[ $ctest_status -eq 0 || $f -gt 0 ]] || broken+=("CTest ended with $ctest_status although no test failed")
    else
        broken+=("CTest wrote no results")
    fi
    if [[ -s "$trx" ]]; then
        p=$(count "$trx" '^<UnitTestResult .*outcome="Passed"')
        f=$(count "$trx" '^<UnitTestResult .*outcome="(Failed|Error|Timeout|Aborted|Inconclusive)"')
        s=$(count "$trx" '^<UnitTestResult .*outcome="(NotExecuted|NotRunnable)"')
        passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
        [[ $((p + f)) -gt 0 ]] || broken+=("dotnet test ran no test")
        [[ $dotnet_status -eq 0 || $f -gt 0 ]] || broken+=("dotnet test ended with $dotnet_status although no test failed")
    else
        broken+=("dotnet test wrote no results")
    fi

    local reason
    for reason in ${broken[@]+"${broken[@]}"}; do
        printf 'build.sh: %s\n' "$reason"
    done
    printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
    [[ $failed -eq 0 && ${#broken[@]} -eq 0 ]]
}

bench() {
    build benchmarks/NativeBackprop.Benchmarks
    exec dotnet benchmarks/NativeBackprop.Benchmarks/bin/Release/net10.0/NativeBackprop.Benchmarks.dll "$@"
}

pack() {
    rm -rf artifacts/packages
    quietly dotnet pack src/NativeBackprop -c Release -v quiet -tl:off -o artifacts/packages
    ls artifacts/packages/*.nupkg
}

clean() {
    rm -rf build artifacts TestResults BenchmarkDotNet.Artifacts
    find src tests benchmarks samples -type d \( -name bin -o -name obj -o -name TestResults \) -prune -exec rm -rf {} + 2>/dev/null || true
}

verb=${1:-}
[[ $# -eq 0 ]] || shift
case "$verb" in
    run)   prepare; run "$@" ;;
    test)  [[ $# -eq 0 ]] || { usage >&2; exit 2; }; prepare; run_tests ;;
    bench) prepare; bench "$@" ;;
    pack)  prepare; pack ;;
    clean) clean ;;
    *)     usage >&2; exit 2 ;;
esac
