#!/usr/bin/env bash
# Makes one folder that runs on a bare GPU machine: programs as machine code, kernels compiled ahead. No .NET and no NVRTC are
# needed there; fixtures and models are read from the tree. At most 20 MiB compressed.
#
#   bench/gpu/publish.sh [DIR]         DIR is artifacts/gpu if not given, where run.sh finds it
#
#   DIR/tuna2, DIR/libSkiaSharp.so     the program
#   DIR/tuna2-kernels                  times each kernel
#   DIR/kernels.zip                    the kernels' machine code, every kernel for every listed architecture NVRTC knows
#
# A kernel mended on the GPU machine needs no new publishing: run.sh reads kernels/ of the tree, and what no longer is what
# kernels.zip was made of is compiled there, by the NVRTC of that machine. INSTRUCTIONS names the processor (x86-64-v3).
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-artifacts/gpu}
limit=$((20 << 20))
instructions=${INSTRUCTIONS:-x86-64-v3}

tools/get-nvrtc.sh
linker=()
command -v clang > /dev/null || linker=(-p:CppCompilerAndLinker=gcc)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
publish() {     # publish PROJECT FILE...: those files of the project's program
    local project=$1
    shift
    dotnet publish "$project" -c Release -r linux-x64 -p:PublishAot=true -p:IlcInstructionSet="$instructions" "${linker[@]}" -o "$work/all" > "$work/log" ||
        { cat "$work/log" >&2; exit 1; }
    for file; do cp "$work/all/$file" "$work/gpu"; done
}
mkdir "$work/gpu"
publish src/Tuna2.Cli tuna2 libSkiaSharp.so
publish bench/gpu/Tuna2.KernelTimes tuna2-kernels
TUNA2_NVRTC_PATH=${TUNA2_NVRTC_PATH:-$PWD/artifacts/nvrtc} "$work/gpu/tuna2" kernels --output "$work/gpu/kernels.zip" > "$work/kernels"
tail -n +2 "$work/kernels" | awk 'NF >= 6 && $2 ~ /^sm_/ {n[$2]++} END {for (a in n) print "kernels.zip: " n[a] " kernels for " a}' | sort

compressed=$(tar -C "$work" -cf - gpu | gzip -9 | wc -c)
[ "$compressed" -le "$limit" ] || { echo "${0##*/}: $compressed bytes compressed, more than $limit" >&2; exit 1; }
mkdir -p "$folder"
for file in "$work"/gpu/*; do
    cp "$file" "$folder/.${file##*/}.new"
    mv "$folder/.${file##*/}.new" "$folder/${file##*/}"
done
du -b "$folder"/tuna2 "$folder"/tuna2-kernels "$folder"/libSkiaSharp.so "$folder"/kernels.zip
echo "$folder: $compressed bytes compressed"
