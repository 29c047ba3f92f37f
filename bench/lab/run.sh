#!/usr/bin/env bash
# Runs the GPU lab's stages, each within its own time limit; what a stage had measured when it was stopped is kept.
#
#   bench/lab/run.sh [STAGE...]        default: every stage, cheapest truth first
#
#   ceilings    copy bandwidth, host memory, launch and graph-node cost          90 s
#   fragments   operand layouts of mma, ldmatrix, wgmma and tensor copies        60 s
#   products    cuBLASLt at the model's products, bf16 and fp8                  300 s
#   norms       torch.compile's norm, modulation and gate                       150 s
#   attention   SDPA backends and FlexAttention                                 330 s
#   peers       whole pictures and answers, official way against best way       460 s
#   peers:TASK  one of t2i512, t2i1024, edit512, understand; each has then the whole time for full 50-step rounds
#
# Needs nvcc (CUDA 12.4 or later) for the first three, python3 with PyTorch for the rest. Rows go to
# ${OUT:-bench/results}/STAGE.jsonl. GOLDENS names the folder of tuna2-tiny's reference outputs (peers only).
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

stage() {
    case $1 in
        ceilings)  cuda ceilings 90 ;;
        fragments) cuda fragments 60 ;;
        products)  cuda products 300 -lcublasLt ;;
        norms)     timeout 150 python3 bench/peers/ops_norm.py --seconds 110 ;;
        attention) timeout 330 python3 bench/peers/ops_attention.py --seconds 270 ;;
        peers)     timeout 460 python3 bench/peers/time_peers.py --goldens "$goldens" --seconds 400 ;;
        peers:*)   timeout 460 python3 bench/peers/time_peers.py --goldens "$goldens" --seconds 400 \
                       ${1/peers:/--task=} ;;
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
