#!/usr/bin/env bash
# Puts NVRTC, the compiler of CUDA sources, into a folder: no GPU, no driver, no toolkit and no root needed. For Debian (and what
# is made of it), from the package mirror that the machine is set up with. What is there already is left alone.
#
#   tools/get-nvrtc.sh [--disasm] [DIR]      DIR is artifacts/nvrtc if not given, where the tests and tuna2 find it
#
#   DIR/libnvrtc.so.12, DIR/libnvrtc-builtins.so.12.4      about 65 MB
#   --disasm adds DIR/nvdisasm, cuobjdump and ptxas        to read the machine code of a cubin
set -euo pipefail

suite=trixie # has NVRTC 12.4, whose libraries need no newer glibc than the release before it has
packages=(libnvrtc12 libnvrtc-builtins12.4)
tools=(nvdisasm cuobjdump ptxas)

folder="" disasm=""
for argument; do
    case $argument in
        --disasm) disasm=1 ;;
        -*) echo "usage: ${0##*/} [--disasm] [DIR]" >&2; exit 2 ;;
        *) folder=$argument ;;
    esac
done
folder=${folder:-$(dirname "$0")/../artifacts/nvrtc}

wanted=()
[[ -e $folder/libnvrtc.so.12 && -e $folder/libnvrtc-builtins.so.12.4 ]] || wanted+=("${packages[@]}")
[[ -z $disasm || ( -e $folder/nvdisasm && -e $folder/cuobjdump && -e $folder/ptxas ) ]] || wanted+=(nvidia-cuda-toolkit)
if [ ${#wanted[@]} -eq 0 ]; then
    exit 0
fi
command -v apt-get > /dev/null || { echo "${0##*/}: no apt-get: this script is for Debian; see TUNA2_NVRTC_PATH for an NVRTC from elsewhere" >&2; exit 1; }

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
mkdir -p "$work/lists/partial" "$work/parts" "$work/root" "$folder"
# A list of its own: the machine's suites and package lists stay as they are.
echo "deb ${key:+[signed-by=$key] }$mirror $suite non-free" > "$work/sources.list"
apt() {
    apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts="$work/parts" -o Dir::State::Lists="$work/lists" \
        -o Dir::Cache::PkgCache="" -o Dir::Cache::SrcPkgCache="" -o APT::Sandbox::User="" "$@"
}
apt update
(cd "$work" && apt download "${wanted[@]}")
for package in "$work"/*.deb; do
    dpkg-deb -x "$package" "$work/root"
done

# Copied aside and renamed, so that an interrupted run is not mistaken for a complete one.
place() {
    cp -P "$1" "$folder/.${1##*/}.new"
    mv "$folder/.${1##*/}.new" "$folder/${1##*/}"
}
shopt -s nullglob
for library in "$work"/root/usr/lib/*/libnvrtc*.so.*; do
    [ -h "$library" ] || place "$library"
done
for library in "$work"/root/usr/lib/*/libnvrtc*.so.*; do
    [ ! -h "$library" ] || place "$library"
done
if [ -n "$disasm" ]; then
    for tool in "${tools[@]}"; do
        place "$work/root/usr/bin/$tool"
    done
fi
