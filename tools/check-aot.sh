#!/usr/bin/env bash
# Publishes tuna2 with NativeAOT into artifacts/aot (any warning fails) and runs every command with it: what it writes and says must
# be what the JIT's build does, byte by byte; only times and the memory that is free at the moment are left out. Needs gcc or clang; on
# Debian: apt-get install gcc libc6-dev.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

rm -rf artifacts/aot
dotnet publish -c Release -v q -warnaserror -p:PublishAot=true src/Tuna2.Cli -o artifacts/aot
dotnet build -c Release -v q -warnaserror src/Tuna2.Cli

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
repository=$PWD
run() { # NAME PROGRAM: everything tuna2 does, in a folder of that name
    local name=$1
    shift
    mkdir "$work/$name"
    (
        cd "$work/$name"
        "$@" --version
        "$@" generate "a green square on a white background" --seed 7 -o square.png
        "$@" generate "a red circle on a blue background" --sampler heun --steps 5 --width 96 --count 2 --json -o '{i}.png'
        "$@" edit square.png "make the square red" --seed 3 -o edited.png
        "$@" reconstruct square.png -o again.png
        "$@" ask square.png "What color is the square?"
        "$@" demo
        rm tuna2-demo/edited.png # of a seed that was drawn
        "$@" inspect "$repository/models/tuna2-shapes"
        "$@" parity "$repository/tests/fixtures/tuna2-shapes"
        "$@" generate "" 2>&1 && exit 1
        if [ -e "$repository/artifacts/nvrtc/libnvrtc.so.12" ]; then
            TUNA2_NVRTC_PATH=$repository/artifacts/nvrtc "$@" kernels rms_norm --no-cache
        fi
    ) | sed -E 's/[0-9.]+ s\b/_ s/; s/"seconds": ?[0-9.]+/"seconds":_/; s/can give [0-9.]+ .iB now/can give _ now/' > "$work/$name/said"
}
run jit dotnet "$repository/src/Tuna2.Cli/bin/Release/net10.0/tuna2.dll"
run aot "$repository/artifacts/aot/tuna2"
diff -r "$work/jit" "$work/aot"
echo "NativeAOT: $(find "$work/aot" -type f | wc -l) outputs the same as the JIT's; $(du -ch artifacts/aot/tuna2* --exclude='*.dbg' | tail -n 1 | cut -f1) in $(ls artifacts/aot/tuna2* | grep -vc dbg) programs"
