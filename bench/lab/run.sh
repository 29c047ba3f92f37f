#!/usr/bin/env bash
# Runs the GPU lab's stages, each within its own time limit; what a stage had measured when it was stopped is kept.
#
#   bench/lab/run.sh [STAGE...]        default: every stage, cheapest truth first
#
#   ceilings    copy bandwidth, host memory, launch and graph-node cost          90 s
#   fragments   operand layouts of mma, ldmatrix, wgmma and tensor copies        60 s
#   products    cuBLASLt at the model's products, bf16 and fp8                  270 s
#   norms       torch.compile's norm, modulation and gate                       150 s
#   attention   SDPA backends and FlexAttention                                 300 s
#   peers       whole pictures and answers, official way against best way       460 s
#   peers:TASK[,TASK]  some of t2i512, t2i1024, edit512, understand: fewer tasks, more of them in full 50-step rounds
#
# Needs nvcc (CUDA 12.4 or later) for the first three, python3 with PyTorch for the rest. Rows go to
# ${OUT:-bench/results}/STAGE.jsonl. GOLDENS names the folder of tuna2-tiny's reference outputs (peers only); OFFICIAL, when
# set, a checkout of the released code, whose own modules then run as a third peer.
set -uo pipefail
cd "$(dirname "$0")/../.."
export OUT=${OUT:-bench/results}
goldens=${GOLDENS:-tests/fixtures/tuna2-tiny}
mkdir -p "$OUT"
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
failed=0

cuda() {        # cuda NAME SECONDS LIBRARIES...: builds and runs bench/lab/NAME.cu
    local name=$1 seconds=$2
    shift 2
    nvcc -std=c++17 -O2 -gencode=arch=compute_90a,code=sm_90a "bench/lab/$name.cu" -o "$build/$name" "$@" -ldl &&
        timeout "$seconds" "$build/$name" --seconds $((seconds - 20))
}

cublas() {      # the compiler flags for cuBLASLt: the toolkit's, or those of Python's CUDA packages where it has none
    local home
    home=$(dirname "$(dirname "$(readlink -f "$(command -v nvcc)")")")
    if [ -e "$home/include/cublasLt.h" ] || compgen -G "$home/targets/*/include/cublasLt.h" >/dev/null; then
        echo -lcublasLt
    else
        python3 -c '
import glob, os, sys
for folder in sys.path:
    for header in sorted(glob.glob(os.path.join(folder, "nvidia", "*", "include", "cublasLt.h"))):
        home = os.path.dirname(os.path.dirname(header))
        for library in sorted(glob.glob(os.path.join(home, "lib", "libcublasLt.so*"))):
            sys.exit(print(f"-I{home}/include -L{home}/lib -l:{os.path.basename(library)} -Xlinker -rpath={home}/lib"))
print("-lcublasLt")'
    fi
}

peers() {       # peers [TASK,TASK...]
    local tasks=()
    local names=${1:-}
    for task in ${names//,/ }; do tasks+=(--task "$task"); done
    timeout 460 python3 bench/peers/time_peers.py --goldens "$goldens" --seconds 400 "${tasks[@]}" \
        ${OFFICIAL:+--official "$OFFICIAL"}
}

stage() {
    case $1 in
        ceilings)  cuda ceilings 90 ;;
        fragments) cuda fragments 60 ;;
        products)  cuda products 270 $(cublas) ;;
        norms)     timeout 150 python3 bench/peers/ops_norm.py --seconds 110 ;;
        attention) timeout 300 python3 bench/peers/ops_attention.py --seconds 240 ;;
        peers)     peers ;;
        peers:*)   peers "${1#peers:}" ;;
        *)         echo "run.sh: no stage '$1'" >&2; return 2 ;;
    esac
}

export PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
for name in "${@:-ceilings fragments products norms attention peers}"; do
    for one in $name; do
        echo "== $one"
        stage "$one" || { echo "== $one: exit $?" >&2; failed=1; }
    done
done
exit $failed
