#!/usr/bin/env bash
# Runs stages on a bare GPU machine, each within its own time limit, the cheapest truth first. A stage that is stopped or fails
# keeps what it had, and the next one runs.
#
#   bench/gpu/run.sh [--dry-run] [STAGE...]        default: every stage, in this order
#
#   parity      the engine against reference outputs, in float32 and bfloat16     240 s
#   proof       bits that repeat, memory that comes back, the CPU's results       840 s
#   seed        the same seed, the same bytes in two processes                     80 s
#   kernels     products beside float64, then every kernel at the 7B's shapes     600 s
#   hopper      the kernels written for Hopper alone: references, repeats, steps  600 s
#   step        steps, tokens, pictures and kernels, of the model in MODEL        600 s
#   shapes      the same at the shapes of Tuna 2B and of Tuna-2's 2B and 7B,
#               of random weights                                                1200 s
#   formats     the 7B's again in int8, int4 and fp8, quantized by the host      1200 s
#   growth      how a step's time grows with tokens, batch and prefix, of the 7B  600 s
#   lab         the chip itself: bandwidth, launches, layouts, cuBLASLt          1000 s
#   peers       the same work in PyTorch                                          500 s
#   sanitizer   compute-sanitizer's four tools over one small case                900 s
#
# Needs artifacts/gpu (bench/gpu/publish.sh) and the driver; lab and peers need what bench/lab/run.sh needs. TUNA2 and TUNA2_KERNELS
# name other programs, MODEL a model directory (the demo model if not given). Rows go to ${OUT:-bench/results}/STAGE.jsonl with the GPU's name,
# driver and date. Exit code: 0 all is well, 1 something failed, 2 wrong usage, 3 there is no CUDA device and nothing was run.
set -uo pipefail
cd "$(dirname "$0")/../.."
tuna2=${TUNA2:-artifacts/gpu/tuna2}
kernels=${TUNA2_KERNELS:-artifacts/gpu/tuna2-kernels}
model=${MODEL:-models/tuna2-shapes}
export OUT=${OUT:-bench/results}
export TUNA2_KERNELS_DIR=${TUNA2_KERNELS_DIR:-kernels}
stages=(parity proof seed kernels hopper step shapes formats growth lab peers sanitizer)
dry=""
failed=0

chosen=()
for argument; do
    case $argument in
        --dry-run) dry=1 ;;
        -*) echo "usage: ${0##*/} [--dry-run] [STAGE...]" >&2; exit 2 ;;
        *)
            [[ " ${stages[*]} " == *" $argument "* ]] || { echo "${0##*/}: no stage '$argument'; there are ${stages[*]}" >&2; exit 2; }
            chosen+=("$argument") ;;
    esac
done
[ ${#chosen[@]} -gt 0 ] || chosen=("${stages[@]}")

gpu="" driver=""
if [ -z "$dry" ]; then
    IFS=, read -r gpu driver < <(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2> /dev/null)
    if [ -z "$gpu" ]; then
        for name in "${chosen[@]}"; do echo "== $name: not run: no CUDA device"; done
        exit 3
    fi
    driver=${driver# }
    mkdir -p "$OUT"
fi

quoted() {      # quoted TEXT: as a JSON string
    local text=${1//\\/\\\\}
    text=${text//\"/\\\"}
    text=${text//$'\n'/ }
    text=${text//[[:cntrl:]]/ }
    printf '"%s"' "$text"
}

row() {         # row STAGE FIELDS: one JSON line, on the disk before the next command starts
    printf '{%s,"stage":"%s","gpu":%s,"driver":%s,"date":"%s"}\n' "$2" "$1" "$(quoted "$gpu")" "$(quoted "$driver")" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >> "$OUT/$1.jsonl"
}

skip() {        # skip STAGE WHY
    echo "== $1: not run: $2"
    [ -n "$dry" ] || row "$1" "\"row\":\"not run\",\"why\":$(quoted "$2")"
}

# run STAGE SECONDS COMMAND...: what it prints on standard output, when that is JSON, becomes the row's "result".
run() {
    local stage=$1 seconds=$2 begin=$SECONDS status output errors result
    shift 2
    echo "-- $* (at most $seconds s)"
    [ -z "$dry" ] || return 0
    errors=$(mktemp)
    output=$(timeout -k 10 "$seconds" "$@" 2> "$errors")
    status=$?
    result=null
    case $output in ['{[']*) result=${output//$'\n'/ } ;; *) [ -z "$output" ] || printf '%s\n' "$output" ;; esac
    [ "$status" -eq 0 ] || { tail -n 5 "$errors" >&2; echo "-- exit $status" >&2; failed=1; }
    row "$stage" "\"row\":\"run\",\"command\":$(quoted "$*"),\"exit\":$status,\"seconds\":$((SECONDS - begin)),\"errors\":$(quoted "$(tail -n 3 "$errors" | cut -c 1-500)"),\"result\":$result"
    rm -f "$errors"
    return "$status"
}

# lines STAGE SECONDS COMMAND...: every JSON line it prints becomes a row as it comes.
lines() {
    local stage=$1 seconds=$2 line status
    shift 2
    echo "-- $* (at most $seconds s)"
    [ -z "$dry" ] || return 0
    timeout -k 10 "$seconds" "$@" | while read -r line; do
        case $line in '{'*'}') row "$stage" "${line:1:-1}" ;; esac
        printf '%s\n' "$line"
    done
    status=${PIPESTATUS[0]}
    [ "$status" -eq 0 ] || { echo "-- exit $status" >&2; failed=1; }
    row "$stage" "\"row\":\"end\",\"command\":$(quoted "$*"),\"exit\":$status"
}

# logged STAGE SECONDS COMMAND...: a command that writes rows of its own.
logged() {
    local name=$1 seconds=$2
    shift 2
    echo "-- $* (at most $seconds s)"
    [ -n "$dry" ] || timeout -k 10 "$seconds" "$@" || { echo "-- $name: exit $?" >&2; failed=1; }
}

has() {         # has STAGE PROGRAM
    [ -n "$dry" ] || [ -x "$2" ] || { skip "$1" "no $2: bench/gpu/publish.sh makes it"; failed=1; return 1; }
}

stage() {
    local case dtype tool
    case $1 in
        parity)
            has parity "$tuna2" || return
            for case in models/tuna2-shapes:tests/fixtures/tuna2-shapes tests/fixtures/tuna2-tiny:tests/fixtures/tuna2-tiny tests/fixtures/tuna2-tiny-bf16:tests/fixtures/tuna2-tiny-bf16; do
                if [ -z "$dry" ] && [ ! -e "${case%%:*}/model.safetensors" ]; then
                    skip parity "no ${case%%:*}/model.safetensors: dotnet test --filter FullyQualifiedName~GoldenTests makes it"
                    continue
                fi
                for dtype in f32 bf16; do
                    run parity 40 "$tuna2" parity "${case#*:}" --device cuda:0 --dtype $dtype --json
                done
            done ;;
        proof)
            has proof "$tuna2" || return
            for dtype in f32 bf16; do
                run proof 140 "$tuna2" prove --model "$model" --device cuda:0 --dtype $dtype --json
            done
            run proof 280 "$tuna2" prove --random tuna_2_pixel_2b --device cuda:0 --width 256 --height 256 --repeats 250 --sessions 20 --json
            run proof 280 "$tuna2" prove --random tuna_2b --device cuda:0 --width 256 --height 256 --repeats 50 --sessions 5 --json ;;
        seed)
            has seed "$tuna2" || return
            run seed 40 "$tuna2" generate "a red circle" --model "$model" --device cuda:0 --seed 7 -o "${TMPDIR:-/tmp}/tuna2-seed-1.png" --json
            run seed 40 "$tuna2" generate "a red circle" --model "$model" --device cuda:0 --seed 7 -o "${TMPDIR:-/tmp}/tuna2-seed-2.png" --json
            run seed 10 cmp "${TMPDIR:-/tmp}/tuna2-seed-1.png" "${TMPDIR:-/tmp}/tuna2-seed-2.png"
            [ -n "$dry" ] || rm -f "${TMPDIR:-/tmp}"/tuna2-seed-[12].png ;;
        kernels)
            has kernels "$kernels" || return
            lines kernels 600 "$kernels" ;;
        hopper)     # Off unless asked for (docs/cuda.md). On another GPU the others run, and say nothing new.
            has hopper "$tuna2" || return
            for case in tests/fixtures/tuna2-tiny tests/fixtures/tuna2-tiny-bf16; do
                if [ -z "$dry" ] && [ ! -e "$case/model.safetensors" ]; then
                    skip hopper "no $case/model.safetensors: dotnet test --filter FullyQualifiedName~GoldenTests makes it"
                    continue
                fi
                run hopper 40 env TUNA2_CUDA_HOPPER=1 "$tuna2" parity "$case" --device cuda:0 --dtype bf16 --json
            done
            run hopper 140 env TUNA2_CUDA_HOPPER=1 "$tuna2" prove --model "$model" --device cuda:0 --dtype bf16 --json
            run hopper 300 env TUNA2_CUDA_HOPPER=1 "$tuna2" bench --random tuna_2_pixel_2b --device cuda:0 --dtype bf16 --width 512 --height 512 --json ;;
        step)
            has step "$tuna2" || return
            run step 600 "$tuna2" bench --model "$model" --device cuda:0 --dtype bf16 --json ;;
        shapes)
            has shapes "$tuna2" || return
            run shapes 300 "$tuna2" bench --random tuna_2_pixel_2b --device cuda:0 --dtype bf16 --width 512 --height 512 --json
            run shapes 300 "$tuna2" bench --random tuna_2b --device cuda:0 --dtype bf16 --width 512 --height 512 --json
            run shapes 600 "$tuna2" bench --random tuna_2_pixel_7b --device cuda:0 --dtype bf16 --width 512 --height 512 --batch 4 --json
            run shapes 400 "$tuna2" bench --random tuna_2_pixel_7b --device cuda:0 --dtype bf16 --width 256 --height 256 --batch 4 --json ;;
        formats)
            has formats "$tuna2" || return
            run formats 600 "$tuna2" bench --random tuna_2_pixel_7b --weights int8 --device cuda:0 --dtype bf16 --width 512 --height 512 --json
            run formats 600 "$tuna2" bench --random tuna_2_pixel_7b --weights int4 --device cuda:0 --dtype bf16 --width 512 --height 512 --json
            run formats 600 "$tuna2" bench --random tuna_2_pixel_7b --weights fp8 --device cuda:0 --dtype bf16 --width 512 --height 512 --json ;;
        growth)
            has growth "$tuna2" || return
            run growth 600 "$tuna2" bench --growth --random tuna_2_pixel_7b --device cuda:0 --dtype bf16 --json ;;
        lab)    logged lab 1000 bench/lab/run.sh ceilings fragments products norms attention ;;
        peers)  logged peers 500 bench/lab/run.sh peers ;;
        sanitizer)
            has sanitizer "$tuna2" || return
            if [ -z "$dry" ] && ! command -v compute-sanitizer > /dev/null; then
                skip sanitizer "no compute-sanitizer: it comes with the CUDA toolkit"
                return
            fi
            for tool in memcheck synccheck initcheck racecheck; do
                run sanitizer 220 compute-sanitizer --tool $tool --error-exitcode 9 "$tuna2" parity tests/fixtures/tuna2-shapes --device cuda:0 --dtype bf16 --json
            done ;;
    esac
}

for name in "${chosen[@]}"; do
    echo "== $name"
    stage "$name"
done
exit $failed
