#!/usr/bin/env bash
# Runs the tests on Arm64 under emulation, on a Debian x64 machine: QEMU's user mode, the Arm64 C library, ICU and OpenSSL from
# the package mirror that the machine is set up with, unpacked under artifacts/arm64; nothing is installed.
#
#   tools/test-arm64.sh [FILTER]      FullyQualifiedName~Tests.Cpu if not given: the CPU kernels
#
# What starts other programs (Cli.ProcessTests) cannot run so; .NET under QEMU needs its code pages writable and a bounded heap.
set -euo pipefail
cd "$(dirname "$0")/.."
filter=${1:-FullyQualifiedName~Tests.Cpu}
folder=$PWD/artifacts/arm64
suite=bookworm

if ! [[ -x $folder/qemu-aarch64-static && -e $folder/root/lib/ld-linux-aarch64.so.1 ]]; then
    command -v apt-get > /dev/null || { echo "${0##*/}: no apt-get: this script is for Debian" >&2; exit 1; }
    # The first mirror in the new format, else in the old one; its key in the old format is the system's.
    sources=(/etc/apt/sources.list.d/debian.sources /etc/apt/sources.list)
    mirror=$(sed -n 's/^URIs:[[:space:]]*\([^[:space:]]*\).*/\1/p' "${sources[0]}" 2> /dev/null | head -n 1 || true)
    key=$(sed -n 's/^Signed-By:[[:space:]]*\(\/.*\)/\1/p' "${sources[0]}" 2> /dev/null | head -n 1 || true)
    if [ -z "$mirror" ]; then
        mirror=$(sed -n 's/^deb[[:space:]]\+\(\[[^]]*\][[:space:]]*\)\?\([^[:space:]]*\).*/\2/p' "${sources[1]}" 2> /dev/null | head -n 1 || true)
    fi
    [ -n "$mirror" ] || { echo "${0##*/}: no package mirror in ${sources[*]}" >&2; exit 1; }

    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    # Lists of their own for each architecture: the machine's stay as they are.
    unpack() { # ARCHITECTURE DIRECTORY PACKAGE...
        local lists=$work/$1 into=$2
        mkdir -p "$lists/lists/partial" "$lists/parts" "$lists/debs" "$into"
        echo "deb [arch=$1${key:+ signed-by=$key}] $mirror $suite main" > "$lists/sources.list"
        local options=(-qq -o APT::Architecture="$1" -o APT::Architectures::="$1" -o Dir::State::status=/dev/null
            -o Dir::Etc::SourceList="$lists/sources.list" -o Dir::Etc::SourceParts="$lists/parts" -o Dir::State::Lists="$lists/lists"
            -o Dir::Cache::PkgCache="" -o Dir::Cache::SrcPkgCache="" -o APT::Sandbox::User="")
        apt-get "${options[@]}" update
        (cd "$lists/debs" && apt-get "${options[@]}" download "${@:3}")
        for package in "$lists"/debs/*.deb; do
            dpkg-deb -x "$package" "$into"
        done
    }
    unpack arm64 "$folder/root" libc6 libgcc-s1 libstdc++6 libicu72 libssl3 zlib1g
    unpack amd64 "$work/qemu" qemu-user-static
    cp "$work/qemu/usr/bin/qemu-aarch64-static" "$folder/"
fi

dotnet publish -c Release -v q -r linux-arm64 --self-contained -p:EnableNUnitRunner=true tests/Tuna2.Engine.Tests -o "$folder/tests"
DOTNET_EnableWriteXorExecute=0 DOTNET_GCHeapHardLimit=0x80000000 \
    "$folder/qemu-aarch64-static" -L "$folder/root" "$folder/tests/Tuna2.Engine.Tests" --filter "$filter" --progress off
