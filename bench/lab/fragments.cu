// fragments: where the hardware keeps each element of a matrix operand, asked of the hardware and written down as
// fixtures for the host runner and for kernel design.
//
//   mma.sync m16n8k16 and m16n8k8 (bf16): A, B and C/D per lane and element
//   ldmatrix x1, x2, x4, plain and .trans: the element each lane receives
//   tensor copy engine: the shared-memory image of a box of 64 rows, 64 and 128 columns, per swizzle
//   wgmma m64nNk16 (bf16): B from shared memory K-major and MN-major, A from shared memory K-major, per swizzle mode and
//   for head dims 64 and 128; the accumulator and the register form of A by a full product
//
// How: one slot of an operand is 1, all others 0, the other operand holds its own k index plus one, so the single answer
// names the slot's row (or column) and its k. Layouts are lists: of A m * K + k, of B n * K + k, of C/D m * N + n, per
// lane (or per 2-byte slot of shared memory, in address order); -1 is a slot nothing reads. An mma can be probed only up
// to a renaming of rows that its operands share; the names used are those of the PTX manual. `agrees` compares what was
// measured with the formula beside it in this file. Nothing is timed.
//
// usage: fragments        rows go to ${OUT:-bench/results}/fragments.jsonl
#include "fragments_device.cuh"
#include "rows.hpp"
#include <cuda.h>
#include <stdint.h>
#include <string.h>
#include <functional>
#include <vector>

// Memory the device works on and the host reads after a synchronize.
template <class T> struct Buffer
{
    T* device;
    std::vector<T> host;

    explicit Buffer(size_t count, T value = T()) : host(count, value)
    {
        CHECK(cudaMalloc(&device, count * sizeof(T)));
        up();
    }
    ~Buffer() { cudaFree(device); }
    void up() { CHECK(cudaMemcpy(device, host.data(), host.size() * sizeof(T), cudaMemcpyHostToDevice)); }
    void down()
    {
        CHECK(cudaGetLastError());
        CHECK(cudaMemcpy(host.data(), device, host.size() * sizeof(T), cudaMemcpyDeviceToHost));
    }
};

static uint16_t whole(int value)        // small whole number as bf16
{
    float f = (float)value;
    uint32_t bits;
    memcpy(&bits, &f, 4);
    return (uint16_t)(bits >> 16);
}

static void write_layout(Rows& rows, const std::string& what, const std::vector<int>& measured,
                         const std::vector<int>& formula)
{
    std::string text = "\"row\":\"fragment\"," + what + ",\"agrees\":" + (measured == formula ? "true" : "false") +
                       ",\"layout\":[";
    for (size_t i = 0; i < measured.size(); ++i) text += (i ? "," : "") + std::to_string(measured[i]);
    rows.write_text(text + "]");
}

// ---- mma.sync

// Lane l = 4 g + t. A, in order: (row g, columns 2t, 2t+1), (row g+8, same), then the same 8 columns on (k16 only).
static int mma_a(int k, int lane, int i)
{
    int g = lane / 4, t = lane % 4;
    return (g + 8 * (i / 2 % 2)) * k + 2 * t + i % 2 + 8 * (i / 4);
}
static int mma_b(int k, int lane, int i) { return lane / 4 * k + 2 * (lane % 4) + i % 2 + 8 * (i / 2); }
static int mma_d(int lane, int i) { return (lane / 4 + 8 * (i / 2)) * 8 + 2 * (lane % 4) + i % 2; }

static void measure_mma(Rows& rows, int k)
{
    int a_count = k / 2, b_count = k / 4;       // elements per lane
    Buffer<uint16_t> a(32 * a_count), b(32 * b_count);
    Buffer<float> c(128), d(128);
    auto run = [&] {
        a.up();
        b.up();
        if (k == 16) mma_m16n8k16<<<1, 32>>>((u32*)a.device, (u32*)b.device, c.device, d.device);
        else mma_m16n8k8<<<1, 32>>>((u32*)a.device, (u32*)b.device, c.device, d.device);
        d.down();
    };
    auto fill = [&](Buffer<uint16_t>& x, int count, const std::function<int(int, int)>& value) {
        for (int l = 0; l < 32; ++l)
            for (int i = 0; i < count; ++i) x.host[l * count + i] = whole(value(l, i));
    };
    std::vector<int> measured, formula;
    std::string name = "\"instruction\":\"mma.m16n8k" + std::to_string(k) + " bf16\",\"operand\":";

    fill(b, b_count, [&](int l, int i) { return 1 + mma_b(k, l, i) % k; });
    for (int slot = 0; slot < 32 * a_count; ++slot) {
        fill(a, a_count, [&](int l, int i) { return l * a_count + i == slot; });
        run();
        int answer = -1;
        for (int l = 0; l < 32; ++l)
            for (int i = 0; i < 4; ++i)
                if (d.host[4 * l + i] != 0) answer = mma_d(l, i) / 8 * k + (int)d.host[4 * l + i] - 1;
        measured.push_back(answer);
        formula.push_back(mma_a(k, slot / a_count, slot % a_count));
    }
    write_layout(rows, name + "\"A\",\"per_lane\":" + std::to_string(a_count), measured, formula);

    measured.clear(), formula.clear();
    fill(a, a_count, [&](int l, int i) { return 1 + mma_a(k, l, i) % k; });
    for (int slot = 0; slot < 32 * b_count; ++slot) {
        fill(b, b_count, [&](int l, int i) { return l * b_count + i == slot; });
        run();
        int answer = -1;
        for (int l = 0; l < 32; ++l)
            for (int i = 0; i < 4; ++i)
                if (d.host[4 * l + i] != 0) answer = mma_d(l, i) % 8 * k + (int)d.host[4 * l + i] - 1;
        measured.push_back(answer);
        formula.push_back(mma_b(k, slot / b_count, slot % b_count));
    }
    write_layout(rows, name + "\"B\",\"per_lane\":" + std::to_string(b_count), measured, formula);

    // C/D: column 0 of A and row 0 of B alone: D is first the row, then the column; C adds what it holds.
    measured.assign(128, 0), formula.clear();
    for (int pass = 0; pass < 2; ++pass) {
        fill(a, a_count, [&](int l, int i) { int e = mma_a(k, l, i); return e % k ? 0 : pass ? 1 : e / k; });
        fill(b, b_count, [&](int l, int i) { int e = mma_b(k, l, i); return e % k ? 0 : pass ? e / k : 1; });
        for (int i = 0; i < 128; ++i) c.host[i] = 1000.0f * i;
        c.up();
        run();
        for (int i = 0; i < 128; ++i) measured[i] += ((int)d.host[i] - 1000 * i) * (pass ? 1 : 8);
    }
    for (int i = 0; i < 128; ++i) formula.push_back(mma_d(i / 4, i % 4));
    write_layout(rows, name + "\"C/D\",\"per_lane\":4", measured, formula);
}

// ---- ldmatrix: register j of lane l holds elements (row l / 4, columns 2 (l % 4) and the next) of matrix j; .trans
// swaps row and column.

static void measure_ldmatrix(Rows& rows)
{
    for (int matrices : {1, 2, 4})
        for (int transposed : {0, 1}) {
            Buffer<u32> out(128);
            load_matrices<<<1, 32>>>(out.device, matrices, transposed);
            out.down();
            std::vector<int> measured, formula;
            for (int l = 0; l < 32; ++l)
                for (int j = 0; j < matrices; ++j)
                    for (int half = 0; half < 2; ++half) {
                        measured.push_back((int)(out.host[4 * l + j] >> 16 * half & 0xFFFF));
                        int row = l / 4, column = 2 * (l % 4) + half;
                        formula.push_back(64 * j + (transposed ? 8 * column + row : 8 * row + column));
                    }
            write_layout(rows, "\"instruction\":\"ldmatrix.x" + std::to_string(matrices) + (transposed ? ".trans" : "") +
                         "\",\"operand\":\"result\",\"per_lane\":" + std::to_string(2 * matrices), measured, formula);
        }
}

// ---- Swizzles: 16-byte chunks of a byte address are permuted inside a pattern that repeats every 8 rows.

static const int WIDTHS[] = {16, 32, 64, 128};          // of a row, in bytes; 16 means no swizzle
static u32 swizzled(u32 byte, u32 width)
{
    u32 mask = width / 16 - 1;                          // 0, 1, 3, 7
    return byte ^ ((byte >> 7 & mask) << 4);
}
static const char* swizzle_name(u32 width) { return width == 16 ? "none" : width == 32 ? "32B" : width == 64 ? "64B" : "128B"; }
static u32 swizzle_code(u32 width) { return width == 16 ? 0 : width == 32 ? 3 : width == 64 ? 2 : 1; }

static void measure_tensor_loads(Rows& rows)
{
    typedef CUresult (*Encode)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*, const cuuint64_t*,
                               const cuuint32_t*, const cuuint32_t*, CUtensorMapInterleave, CUtensorMapSwizzle,
                               CUtensorMapL2promotion, CUtensorMapFloatOOBfill);
    void* lib = dlopen("libcuda.so.1", RTLD_NOW);
    Encode encode = lib ? (Encode)dlsym(lib, "cuTensorMapEncodeTiled") : nullptr;
    if (!encode) { rows.write("\"row\":\"skipped\",\"what\":\"tensor loads\",\"why\":\"no cuTensorMapEncodeTiled\""); return; }
    const CUtensorMapSwizzle kinds[] = {CU_TENSOR_MAP_SWIZZLE_NONE, CU_TENSOR_MAP_SWIZZLE_32B, CU_TENSOR_MAP_SWIZZLE_64B,
                                        CU_TENSOR_MAP_SWIZZLE_128B};
    const int height = 64;
    for (int columns : {64, 128})
        for (int kind = 0; kind < 4; ++kind) {
            Buffer<uint16_t> matrix(height * columns), image(height * columns);
            for (int i = 0; i < height * columns; ++i) matrix.host[i] = (uint16_t)i;
            matrix.up();
            // A box row may be at most as wide as the swizzle; without one a box of 64 columns is loaded as it is.
            int box = kind == 0 ? 64 : WIDTHS[kind] / 2, boxes = columns / box;
            TensorMap map;
            cuuint64_t sizes[] = {(cuuint64_t)columns, height}, strides[] = {(cuuint64_t)columns * 2};
            cuuint32_t box_sizes[] = {(cuuint32_t)box, height}, steps[] = {1, 1};
            CUtensorMap made;
            CUresult status = encode(&made, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2, matrix.device, sizes, strides, box_sizes,
                                     steps, CU_TENSOR_MAP_INTERLEAVE_NONE, kinds[kind], CU_TENSOR_MAP_L2_PROMOTION_NONE,
                                     CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
            if (status != CUDA_SUCCESS) {
                rows.write("\"row\":\"skipped\",\"what\":\"tensor load %s\",\"why\":\"encode returned %d\"",
                           swizzle_name(WIDTHS[kind]), (int)status);
                continue;
            }
            static_assert(sizeof made == sizeof map, "a tensor map is 128 bytes");
            memcpy(&map, &made, sizeof map);
            tensor_load<<<1, 128, height * columns * 2 + 1024>>>(map, image.device, height, box, boxes);
            image.down();
            std::vector<int> measured(image.host.begin(), image.host.end()), formula(measured.size());
            for (int r = 0; r < height; ++r)
                for (int c = 0; c < columns; ++c) {
                    u32 byte = (u32)(c / box * height * box + r * box + c % box) * 2;
                    formula[swizzled(byte, kind == 0 ? 16 : WIDTHS[kind]) / 2] = r * columns + c;
                }
            write_layout(rows, "\"instruction\":\"cp.async.bulk.tensor.2d\",\"operand\":\"shared image\",\"swizzle\":\"" +
                         std::string(swizzle_name(WIDTHS[kind])) + "\",\"rows\":64,\"columns\":" + std::to_string(columns) +
                         ",\"box_columns\":" + std::to_string(box), measured, formula);
        }
}

// ---- wgmma operands. Panels of one swizzle width: K-major, a panel holds all rows (m or n) and width/2 of k;
// MN-major, all k rows and width/2 of n.

static void measure_wgmma(Rows& rows, bool is_a, int count, int k, bool mn_major)
{
    for (u32 width : WIDTHS) {
        u32 lines = mn_major ? k : count;               // of one panel
        Operand o;
        o.slots = (u32)(count * k);
        o.steps = (u32)k / 16;
        o.width = width;
        o.panel_bytes = lines * width;
        o.mn_major = mn_major;
        o.swizzle = swizzle_code(width);
        // Between groups of 8 lines: 8 widths. Between panels: a panel. The two change places in one case: unswizzled
        // and MN-major, where `stride` steps along n and `leading` along k.
        bool exchanged = mn_major && width == 16;
        o.leading = exchanged ? 8 * width : o.panel_bytes;
        o.stride = exchanged ? o.panel_bytes : 8 * width;

        Buffer<int> found(o.slots, -1), hits(o.slots, 0);
        const int blocks = 64;
        size_t memory = o.slots * 2 + (is_a ? 2048 : 0) + 1024;
        void (*kernel)(const Operand, int*, int*) =
            is_a ? wgmma_probe_a
                 : count == 64 ? (mn_major ? wgmma_probe_b64_transposed : wgmma_probe_b64)
                               : (mn_major ? wgmma_probe_b128_transposed : wgmma_probe_b128);
        kernel<<<blocks, 128, memory>>>(o, found.device, hits.device);
        found.down();
        hits.down();
        int many = 0, none = 0;
        for (int h : hits.host) many += h > 1, none += h == 0;
        std::vector<int> formula(o.slots);
        for (int r = 0; r < count; ++r)
            for (int kk = 0; kk < k; ++kk) {
                u32 line = mn_major ? kk : r, along = 2 * (mn_major ? r : kk);
                u32 byte = along / width * o.panel_bytes + line * width + along % width;
                formula[swizzled(byte, width) / 2] = r * k + kk;
            }
        char what[512];
        snprintf(what, sizeof what, "\"instruction\":\"wgmma.m64n%dk16 bf16\",\"operand\":\"%s shared\",\"major\":\"%s\","
                 "\"swizzle\":\"%s\",\"rows\":%d,\"k\":%d,\"leading_bytes\":%u,\"stride_bytes\":%u,\"panel_bytes\":%u,"
                 "\"slots_read_twice\":%d,\"slots_not_read\":%d", is_a ? 64 : count, is_a ? "A" : "B",
                 mn_major ? "MN" : "K", swizzle_name(width), count, k, o.leading, o.stride, o.panel_bytes, many, none);
        write_layout(rows, what, found.host, formula);
    }
}

// Of a warpgroup, warp w, lane 4 g + t: float i is row 16 w + g + 8 (i / 2 % 2), column 8 (i / 4) + 2 t + i % 2.
static void measure_wgmma_product(Rows& rows)
{
    for (int registers : {0, 1}) {
        Buffer<uint16_t> a(64 * 16), b(64 * 16);
        Buffer<float> d(128 * 32);
        std::vector<int> av(64 * 16), bv(64 * 16);
        for (int i = 0; i < 64 * 16; ++i) {
            av[i] = (i * 37 + 11) % 61 - 30;
            bv[i] = (i * 53 + 7) % 59 - 29;
            a.host[i] = whole(av[i]);
            b.host[i] = whole(bv[i]);
        }
        a.up();
        b.up();
        wgmma_product<<<1, 128>>>(a.device, b.device, d.device, registers);
        d.down();
        std::vector<int> measured, formula;
        for (int thread = 0; thread < 128; ++thread)
            for (int i = 0; i < 32; ++i) {
                int g = thread % 32 / 4, t = thread % 4;
                int m = 16 * (thread / 32) + g + 8 * (i / 2 % 2), n = 8 * (i / 4) + 2 * t + i % 2;
                int sum = 0;
                for (int k = 0; k < 16; ++k) sum += av[m * 16 + k] * bv[n * 16 + k];
                measured.push_back(d.host[32 * thread + i] == (float)sum ? m * 64 + n : -1);
                formula.push_back(m * 64 + n);
            }
        write_layout(rows, std::string("\"instruction\":\"wgmma.m64n64k16 bf16\",\"operand\":\"accumulator\",\"a_from\":\"") +
                     (registers ? "registers" : "shared") + "\",\"per_lane\":32", measured, formula);
    }
}

int main(int argc, char** argv)
{
    Rows rows("fragments", argc, argv);
    measure_mma(rows, 16);
    measure_mma(rows, 8);
    measure_ldmatrix(rows);
    measure_tensor_loads(rows);
    measure_wgmma_product(rows);
    measure_wgmma(rows, false, 64, 64, false);      // keys x head dim 64
    measure_wgmma(rows, false, 64, 128, false);     // keys x head dim 128
    measure_wgmma(rows, false, 128, 64, false);
    measure_wgmma(rows, false, 64, 64, true);       // values: head dim 64 consecutive
    measure_wgmma(rows, false, 128, 64, true);      // values: head dim 128 consecutive
    measure_wgmma(rows, true, 64, 64, false);       // queries x head dim 64
    measure_wgmma(rows, true, 64, 128, false);      // queries x head dim 128
    rows.write("\"row\":\"end\",\"complete\":true");
    return 0;
}
