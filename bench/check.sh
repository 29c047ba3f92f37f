#!/usr/bin/env bash
# Checks all of bench that needs no GPU: Python compiles, unit tests, shell syntax, CUDA for sm_90a. What cannot be checked
# on this machine is named 'not run'; anything that fails fails the script.
#
#   bench/check.sh
#
# NVRTC: path of libnvrtc.so.12 or .13 (otherwise the linker's); NVCC: a compiler of CUDA 12.4 or later (otherwise PATH's).
# PYTHON: the interpreter; with PyTorch in it and GOLDENS set, the peers are run against the reference outputs too.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
export PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "== python compiles"
for file in bench/lab/*.py bench/lab/tests/*.py bench/peers/*.py bench/peers/tests/*.py bench/gpu/tests/*.py; do
    "$python" -c 'import py_compile, sys; py_compile.compile(sys.argv[1], cfile=sys.argv[2], doraise=True)' "$file" "$work/out.pyc"
done

echo "== shell scripts"
scripts=(bench/lab/run.sh bench/gpu/publish.sh bench/gpu/run.sh bench/check.sh)
for script in "${scripts[@]}"; do bash -n "$script"; done
if command -v shellcheck > /dev/null; then
    shellcheck -S warning "${scripts[@]}"
else
    echo "not run: no shellcheck"
fi

echo "== unit tests"
"$python" -m unittest discover -s bench/lab/tests
"$python" -m unittest discover -s bench/peers/tests
"$python" -m unittest discover -s bench/gpu/tests

echo "== device code with NVRTC"
nvrtc=${NVRTC:-$(ldconfig -p 2>/dev/null | awk '/libnvrtc\.so\.1[23] /{print $NF; exit}')}
if [ -n "$nvrtc" ] && command -v g++ >/dev/null; then
    g++ -std=c++17 -Wall bench/lab/nvrtc_check.cpp -o "$work/nvrtc_check" -ldl
    LD_LIBRARY_PATH="$(dirname "$nvrtc")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" \
        "$work/nvrtc_check" "$nvrtc" bench/lab/ceilings_device.cuh bench/lab/fragments_device.cuh
else
    echo "not run: no NVRTC (or no g++)"
fi

echo "== whole programs with nvcc"
nvcc=${NVCC:-$(command -v nvcc || true)}
if [ -n "$nvcc" ]; then
    for name in ceilings products fragments; do
        "$nvcc" -std=c++17 -O2 -gencode=arch=compute_90a,code=sm_90a -Werror all-warnings -c "bench/lab/$name.cu" -o "$work/$name.o"
        echo "bench/lab/$name.cu: compiles for sm_90a"
    done
else
    echo "not run: no nvcc"
fi
