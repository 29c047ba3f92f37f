// The runner's emulation of the device, checked one operation at a time against what NVIDIA documents. Prints what is wrong and
// returns how many checks failed.
#include "common/bf16.cuh"
#include "common/hopper.cuh"
#include "common/mma.cuh"
#include "common/reduce.cuh"
#include "launch.hpp"
#include "poison.hpp"
#include <cstdio>
#include <functional>
#include <random>
#include <vector>

namespace {

int failures = 0;

void check(bool holds, const char* what, const std::string& detail = "")
{
    if (holds) return;
    failures++;
    printf("FAILED %s %s\n", what, detail.c_str());
}

Tuna2RunOptions order(bool reversed, int poison = 0, int threads = 1) { return {reversed, poison, threads, 0}; }

// Shuffles

struct ShuffleArgs {
    int* out; // (32)
    int mode, operand, width;
    u32 mask; // lanes outside it do nothing
};

void shuffle_kernel(const ShuffleArgs a)
{
    const int l = lane_id();
    if (!(a.mask >> l & 1)) return;
    const int x = 100 + l;
    a.out[l] = a.mode == 0   ? __shfl_sync(a.mask, x, a.operand, a.width)
               : a.mode == 1 ? __shfl_up_sync(a.mask, x, a.operand, a.width)
               : a.mode == 2 ? __shfl_down_sync(a.mask, x, a.operand, a.width)
                             : __shfl_xor_sync(a.mask, x, a.operand, a.width);
}

void shuffles()
{
    const auto expect = [](const char* what, int mode, int operand, int width, u32 mask, std::function<int(int)> source) {
        for (bool reversed : {false, true}) {
            std::vector<int> out(32, -1);
            const std::string error = tuna2::launch<shuffle_kernel>({out.data(), mode, operand, width, mask}, {1, 1, 1}, 32, 0, order(reversed));
            check(error.empty(), what, error);
            for (int l = 0; l < 32; l++) check(out[l] == (mask >> l & 1 ? 100 + source(l) : -1), what, "lane " + std::to_string(l));
        }
    };
    expect("index", 0, 5, 32, ALL_LANES, [](int) { return 5; });
    expect("index, of each eight", 0, 2, 8, ALL_LANES, [](int l) { return l / 8 * 8 + 2; });
    expect("index wraps in its segment", 0, 11, 8, ALL_LANES, [](int l) { return l / 8 * 8 + 3; });
    expect("index, half a warp", 0, 20, 32, 0xffff0000u, [](int) { return 20; });
    expect("up", 1, 3, 32, ALL_LANES, [](int l) { return l < 3 ? l : l - 3; });
    expect("up, of each four", 1, 1, 4, ALL_LANES, [](int l) { return l % 4 == 0 ? l : l - 1; });
    expect("down", 2, 4, 32, ALL_LANES, [](int l) { return l > 27 ? l : l + 4; });
    expect("down, of each sixteen", 2, 2, 16, ALL_LANES, [](int l) { return l % 16 > 13 ? l : l + 2; });
    expect("xor", 3, 16, 32, ALL_LANES, [](int l) { return l ^ 16; });
    expect("xor, even lanes", 3, 2, 32, 0x55555555u, [](int l) { return l ^ 2; });
    // PTX shfl.bfly: a source behind the segment's last lane gives the lane's own value, one before it is read.
    expect("xor across a segment", 3, 8, 8, ALL_LANES, [](int l) { return l & 8 ? l ^ 8 : l; });
}

// Votes, reductions, and halves of a warp that go separate ways

struct VoteArgs {
    u32* ballots;   // (32)
    double* pairs;  // (32)
    int* sums;      // (32)
    int* flags;     // (3)
};

void vote_kernel(const VoteArgs a)
{
    const int l = lane_id();
    a.pairs[l] = __shfl_xor_sync(ALL_LANES, (double)l + 0.25, 1);
    if (l < 16) {
        for (int i = 0; i < 3; i++) __syncwarp(0x0000ffffu);
        a.ballots[l] = __ballot_sync(0x0000ffffu, l % 3 == 0);
    } else {
        a.ballots[l] = __ballot_sync(0xffff0000u, l % 3 == 0);
    }
    a.sums[l] = __reduce_add_sync(ALL_LANES, l) + __reduce_max_sync(ALL_LANES, l) + __reduce_min_sync(ALL_LANES, l);
    const int any = __any_sync(ALL_LANES, l == 7), none = __any_sync(ALL_LANES, l == 40), all = __all_sync(ALL_LANES, l < 32);
    if (l == 0) a.flags[0] = any, a.flags[1] = none, a.flags[2] = all;
}

void votes()
{
    u32 ballots[32];
    double pairs[32];
    int sums[32], flags[3];
    const std::string error = tuna2::launch<vote_kernel>({ballots, pairs, sums, flags}, {1, 1, 1}, 32, 0);
    check(error.empty(), "votes", error);
    for (int l = 0; l < 32; l++) {
        check(ballots[l] == (l < 16 ? 0x00009249u : 0x49240000u), "ballot", std::to_string(l));
        check(pairs[l] == (l ^ 1) + 0.25, "shuffle of 8 bytes");
        check(sums[l] == 496 + 31 + 0, "reduce");
    }
    check(flags[0] && !flags[1] && flags[2], "any, all");
}

// Products and matrix loads

struct ProductArgs {
    const bf16 *a, *b; // (16, 16) and (k 16, n 8), row-major
    const float* c;    // (16, 8)
    float *plain, *loaded;
};

struct ProductShared {
    alignas(16) bf16 a[16][16];
    alignas(16) bf16 b[16][8];
};

u32 pair_of(bf16 low, bf16 high) { return low.bits | (u32)high.bits << 16; }

// Once with the words gathered by hand from the layout mma.cuh draws, once through the matrix loads: A as its four 8x8 quarters,
// B, stored k-major, transposed.
void product_kernel(const ProductArgs p)
{
    SHARED_MEMORY(ProductShared, s);
    const int l = lane_id(), g = l / 4, t = l % 4;
    for (int i = l; i < 256; i += 32) s.a[i / 16][i % 16] = p.a[i];
    for (int i = l; i < 128; i += 32) s.b[i / 8][i % 8] = p.b[i];
    __syncwarp();

    const auto a = [&](int row, int column) { return pair_of(p.a[row * 16 + column], p.a[row * 16 + column + 1]); };
    const auto b = [&](int k, int column) { return pair_of(p.b[k * 8 + column], p.b[(k + 1) * 8 + column]); };
    const u32 by_hand_a[4] = {a(g, 2 * t), a(g + 8, 2 * t), a(g, 2 * t + 8), a(g + 8, 2 * t + 8)};
    const u32 by_hand_b[2] = {b(2 * t, g), b(2 * t + 8, g)};

    u32 loaded_a[4], loaded_b[4];
    load_matrix_x4(loaded_a, &s.a[l % 8 + l / 8 % 2 * 8][l / 16 * 8]);
    load_matrix_x4_transposed(loaded_b, &s.b[l % 16][0]); // matrices 2 and 3 repeat 0 and 1

    for (float* out : {p.plain, p.loaded}) {
        float c[4];
        for (int i = 0; i < 4; i++) c[i] = p.c[(g + i / 2 * 8) * 8 + 2 * t + i % 2];
        if (out == p.plain) mma_16x8x16(c, by_hand_a, by_hand_b);
        else mma_16x8x16(c, loaded_a, {loaded_b[0], loaded_b[1]});
        for (int i = 0; i < 4; i++) out[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = c[i];
    }
}

void products()
{
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    for (int run = 0; run < 8; run++) {
        bf16 a[256], b[128];
        float c[128], plain[128], loaded[128];
        for (bf16& x : a) from_float(normal(random), x);
        for (bf16& x : b) from_float(normal(random), x);
        for (float& x : c) x = normal(random);
        const std::string error = tuna2::launch<product_kernel>({a, b, c, plain, loaded}, {1, 1, 1}, 32, sizeof(ProductShared), order(run & 1));
        check(error.empty(), "products", error);
        for (int i = 0; i < 16; i++)
            for (int j = 0; j < 8; j++) {
                float sum = c[i * 8 + j];
                for (int k = 0; k < 16; k++) sum += to_float(a[i * 16 + k]) * to_float(b[k * 8 + j]);
                check(plain[i * 8 + j] == sum, "mma_16x8x16", std::to_string(i) + "," + std::to_string(j));
                check(loaded[i * 8 + j] == sum, "load_matrix_x4 into mma_16x8x16", std::to_string(i) + "," + std::to_string(j));
            }
    }
}

struct LoadArgs {
    u32 *plain, *transposed; // (32, 4)
};

struct LoadShared {
    alignas(16) u16 matrix[4][8][8];
};

void load_kernel(const LoadArgs a)
{
    SHARED_MEMORY(LoadShared, s);
    const int l = lane_id();
    for (int c = 0; c < 8; c++) s.matrix[l / 8][l % 8][c] = (u16)(l / 8 * 100 + l % 8 * 10 + c);
    __syncwarp();
    u32 r[4];
    load_matrix_x4(r, s.matrix[l / 8][l % 8]);
    for (int i = 0; i < 4; i++) a.plain[l * 4 + i] = r[i];
    load_matrix_x4_transposed(r, s.matrix[l / 8][l % 8]);
    for (int i = 0; i < 4; i++) a.transposed[l * 4 + i] = r[i];
}

void loads()
{
    std::vector<u32> plain(128), transposed(128);
    const std::string error = tuna2::launch<load_kernel>({plain.data(), transposed.data()}, {1, 1, 1}, 32, sizeof(LoadShared));
    check(error.empty(), "loads", error);
    for (u32 l = 0; l < 32; l++)
        for (u32 i = 0; i < 4; i++) {
            const u32 row = l / 4, column = 2 * (l % 4);
            check(plain[l * 4 + i] == (100 * i + 10 * row + column | (100 * i + 10 * row + column + 1) << 16), "load_matrix_x4");
            check(transposed[l * 4 + i] == (100 * i + 10 * column + row | (100 * i + 10 * (column + 1) + row) << 16), "load_matrix_x4_transposed");
        }
}

// Asynchronous copies

struct CopyArgs {
    const float* in; // (16)
    float* out;      // (3, 16): after the first wait, after the second, and what was there at once
};

struct CopyShared {
    alignas(16) float value[16];
};

void copy_kernel(const CopyArgs a)
{
    SHARED_MEMORY(CopyShared, s);
    for (float& v : s.value) v = 1;
    async_copy_16(s.value, a.in);
    async_commit();
    async_copy_16(s.value + 4, a.in + 4);
    async_copy_16(s.value + 8, a.in + 8, false);
    async_commit();
    for (int i = 0; i < 16; i++) a.out[32 + i] = s.value[i];
    async_wait<1>();
    for (int i = 0; i < 16; i++) a.out[i] = s.value[i];
    async_wait<0>();
    for (int i = 0; i < 16; i++) a.out[16 + i] = s.value[i];
}

void copies()
{
    alignas(16) float in[16];
    for (int i = 0; i < 16; i++) in[i] = 10.0f + i;
    for (int pattern : {0, 1}) {
        float out[48];
        const std::string error = tuna2::launch<copy_kernel>({in, out}, {1, 1, 1}, 1, sizeof(CopyShared), order(false, pattern));
        check(error.empty(), "copies", error);
        for (int i = 0; i < 16; i++) {
            const bool poisoned_at_once = __float_as_uint(out[32 + i]) == tuna2::POISON[pattern];
            check(poisoned_at_once == (i < 12), "a copy's target is poison until the wait");
            check(i < 4 ? out[i] == in[i] : i < 12 ? __float_as_uint(out[i]) == tuna2::POISON[pattern] : out[i] == 1, "wait<1> performs the first group only");
            check(out[16 + i] == (i < 8 ? in[i] : i < 12 ? 0 : 1), "wait<0> performs all; an invalid copy writes zeros");
        }
    }
}

// Hopper: barriers that count, boxes of a tensor, products of a warpgroup

struct PhaseArgs {
    int* next;
    int* at; // (4, 96)
};

struct PhaseShared {
    Barrier barrier;
};

// Three warps: one goes on only when the other two have arrived, twice over; a barrier by number holds the two that arrive.
void phase_kernel(const PhaseArgs a)
{
    SHARED_MEMORY(PhaseShared, s);
    const int t = threadIdx.x;
    if (t == 0) barrier_initialise(s.barrier, 2);
    __syncthreads();
    barrier_wait(s.barrier, 1); // of no phase yet: does not wait
    __syncthreads();
    for (int phase = 0; phase < 2; phase++) {
        if (t >= 32) {
            a.at[phase * 192 + t] = atomicAdd(a.next, 1);
            __syncwarp();
            if (t % 32 == 0) barrier_arrive(s.barrier);
            named_barrier_sync(3, 64);
            a.at[phase * 192 + 96 + t] = atomicAdd(a.next, 1);
            named_barrier_sync(4, 96);
        } else {
            barrier_wait(s.barrier, phase);
            a.at[phase * 192 + t] = atomicAdd(a.next, 1);
            a.at[phase * 192 + 96 + t] = 0;
            __syncwarp();
            named_barrier_sync(4, 96);
        }
    }
}

void phases()
{
    for (bool reversed : {false, true}) {
        int next = 0, at[4 * 96];
        const std::string error = tuna2::launch<phase_kernel>({&next, at}, {1, 1, 1}, 96, sizeof(PhaseShared), order(reversed));
        check(error.empty(), "phases", error);
        for (int phase = 0; phase < 2; phase++) {
            const int *first = at + phase * 192, *second = first + 96;
            for (int w = 0; w < 32; w++)
                for (int o = 32; o < 96; o++) check(first[o] < first[w], "a wait ends when all arrivals have come", std::to_string(phase));
            for (int o = 32; o < 96; o++)
                for (int q = 32; q < 96; q++) check(second[o] > first[q], "a named barrier holds its threads", std::to_string(phase));
        }
    }
}

struct BoxArgs {
    TensorMap map;
    u16* out; // (2, 8 rows, 64): as it lies, before the wait and after
    int column, row;
};

struct BoxShared {
    PANEL_ALIGNED u16 panel[2][8][PANEL];
    Barrier barrier;
};

void box_kernel(const BoxArgs a)
{
    SHARED_MEMORY(BoxShared, s);
    barrier_initialise(s.barrier, 1);
    barriers_initialised();
    for (int i = 0; i < 8 * PANEL; i++) s.panel[1][i / PANEL][i % PANEL] = 1;
    barrier_arrive_expecting(s.barrier, sizeof s.panel[1]);
    tensor_load(s.panel[1], a.map, s.barrier, a.column, a.row);
    for (int i = 0; i < 8 * PANEL; i++) a.out[i] = s.panel[1][i / PANEL][i % PANEL];
    barrier_wait(s.barrier, 0);
    for (int i = 0; i < 8 * PANEL; i++) a.out[8 * PANEL + i] = s.panel[1][i / PANEL][i % PANEL];
}

// PTX ISA, swizzling modes: with 128 bytes, the 16-byte chunk of a row is exchanged with that of its number xor the row's, modulo 8.
void boxes()
{
    constexpr int rows = 11, columns = 72;
    std::vector<u16> tensor(rows * columns);
    for (int i = 0; i < rows * columns; i++) tensor[(size_t)i] = (u16)(i + 1);
    BoxArgs args = {};
    const Tuna2TensorMap map = {TUNA2_TENSOR_MAP, (uint64_t)tensor.data(), {columns, rows, 1, 1}, {columns * 2}, {PANEL, 8, 1, 1}, 2, {}};
    std::memcpy(&args.map, &map, sizeof map);
    u16 out[2 * 8 * PANEL];
    args.out = out, args.column = 16, args.row = 5;
    const std::string error = tuna2::launch<box_kernel>(args, {1, 1, 1}, 1, sizeof(BoxShared));
    check(error.empty(), "boxes", error);
    for (int r = 0; r < 8; r++)
        for (int c = 0; c < PANEL; c++) {
            const bool inside = 5 + r < rows && 16 + c < columns;
            check(out[r * PANEL + c] != 1, "a box's place is poison until the wait");
            check(out[8 * PANEL + r * PANEL + (c / 8 ^ r) * 8 + c % 8] == (inside ? tensor[(size_t)((5 + r) * columns + 16 + c)] : 0), "tensor_load, with zeros outside",
                  std::to_string(r) + "," + std::to_string(c));
        }
}

struct WarpgroupArgs {
    const bf16 *a, *b, *rows; // (64, 64), (128, 64), (64, 128)
    float *along, *by_rows;   // (64, 128)
};

struct WarpgroupShared {
    PANEL_ALIGNED bf16 a[64][PANEL];
    PANEL_ALIGNED bf16 b[128][PANEL];
    PANEL_ALIGNED bf16 rows[2][64][PANEL]; // a row per k, in panels of 64 columns
};

void warpgroup_kernel(const WarpgroupArgs p)
{
    SHARED_MEMORY(WarpgroupShared, s);
    const int i = threadIdx.x, g = i / 32 * 16 + i % 32 / 4, t = i % 4;
    for (int e = i; e < 64 * 64; e += 128) s.a[e / 64][panel_chunk(e / 64, e % 64 / 8) + e % 8] = p.a[e];
    for (int e = i; e < 128 * 64; e += 128) s.b[e / 64][panel_chunk(e / 64, e % 64 / 8) + e % 8] = p.b[e];
    for (int e = i; e < 64 * 128; e += 128) s.rows[e % 128 / 64][e / 128][panel_chunk(e / 128, e % 64 / 8) + e % 8] = p.rows[e];
    async_proxy_fence();
    __syncthreads();

    float d[64], y[64];
    for (float& x : y) x = 1;
    wgmma_fence();
    for (int k = 0; k < 64; k += 16) wgmma(d, operand(&s.a[0][k]), operand(&s.b[0][k]), k > 0);
    wgmma_commit();
    for (int k = 0; k < 64; k += 16) {
        const auto pair = [&](int row, int column) { return pair_of(p.a[row * 64 + k + column], p.a[row * 64 + k + column + 1]); };
        const u32 a[4] = {pair(g, 2 * t), pair(g + 8, 2 * t), pair(g, 2 * t + 8), pair(g + 8, 2 * t + 8)};
        wgmma_by_rows(y, a, operand(&s.rows[0][k][0], PANEL_GROUP_BYTES, sizeof s.rows[0]));
    }
    wgmma_commit();
    wgmma_wait<1>();
    for (float x : y)
        if (x != 1) __trap(); // still under way
    for (int j = 0; j < 64; j++) p.along[(g + j / 2 % 2 * 8) * 128 + j / 4 * 8 + 2 * t + j % 2] = d[j];
    wgmma_wait<0>();
    for (int j = 0; j < 64; j++) p.by_rows[(g + j / 2 % 2 * 8) * 128 + j / 4 * 8 + 2 * t + j % 2] = y[j];
}

void warpgroups()
{
    std::mt19937 random(11);
    std::normal_distribution<float> normal;
    std::vector<bf16> a(64 * 64), b(128 * 64), rows(64 * 128);
    for (auto* operand : {&a, &b, &rows})
        for (bf16& x : *operand) from_float(normal(random), x);
    for (bool reversed : {false, true}) {
        std::vector<float> along(64 * 128), by_rows(64 * 128);
        const std::string error = tuna2::launch<warpgroup_kernel>({a.data(), b.data(), rows.data(), along.data(), by_rows.data()}, {1, 1, 1}, 128, sizeof(WarpgroupShared), order(reversed));
        check(error.empty(), "warpgroups", error);
        for (int m = 0; m < 64; m++)
            for (int n = 0; n < 128; n++) {
                float sum = 0, other = 1;
                for (int k = 0; k < 64; k++) {
                    sum += to_float(a[(size_t)(m * 64 + k)]) * to_float(b[(size_t)(n * 64 + k)]);
                    other += to_float(a[(size_t)(m * 64 + k)]) * to_float(rows[(size_t)(k * 128 + n)]);
                }
                check(along[(size_t)(m * 128 + n)] == sum, "wgmma", std::to_string(m) + "," + std::to_string(n));
                check(by_rows[(size_t)(m * 128 + n)] == other, "wgmma_by_rows", std::to_string(m) + "," + std::to_string(n));
            }
    }
}

// Barriers, orders, blocks

struct OrderArgs {
    int* next;
    int* order; // (2, 96) within the block, before and after its barrier
    int* votes; // (3)
};

void order_kernel(const OrderArgs a)
{
    const int t = threadIdx.x;
    a.order[t] = atomicAdd(a.next, 1);
    const int count = __syncthreads_count(t % 2), any = __syncthreads_or(t == 95), all = __syncthreads_and(t < 95);
    a.order[96 + t] = atomicAdd(a.next, 1);
    if (t == 0) a.votes[0] = count, a.votes[1] = any, a.votes[2] = all;
}

void orders()
{
    for (bool reversed : {false, true}) {
        int next = 0, at[192], votes[3];
        const std::string error = tuna2::launch<order_kernel>({&next, at, votes}, {1, 1, 1}, 96, 0, order(reversed));
        check(error.empty(), "orders", error);
        for (int t = 0; t < 96; t++) {
            const int place = reversed ? 95 - t : t;
            check(at[t] == place && at[96 + t] == 96 + place, "threads run in the order asked for", std::to_string(t));
        }
        check(votes[0] == 48 && votes[1] == 1 && votes[2] == 0, "barriers with a predicate");
    }
}

struct GridArgs {
    u32* visits; // (z 3, y 5, x 7, threads 33)
};

void grid_kernel(const GridArgs a)
{
    const u32 block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    atomicAdd(a.visits + block * blockDim.x + threadIdx.x, 1);
    __syncthreads();
}

void grids()
{
    for (int threads : {1, 4}) {
        std::vector<u32> visits(3 * 5 * 7 * 33);
        const std::string error = tuna2::launch<grid_kernel>({visits.data()}, {7, 5, 3}, 33, 0, order(threads == 4, 0, threads));
        check(error.empty(), "grids", error);
        for (u32 v : visits) check(v == 1, "every thread of every block runs once");
    }
}

struct SharedArgs {
    u32* out; // (32)
};

struct SharedWords {
    u32 word[32];
};

void shared_kernel(const SharedArgs a)
{
    SHARED_MEMORY(SharedWords, s);
    a.out[threadIdx.x] = s.word[threadIdx.x];
    s.word[threadIdx.x] = 0;
}

void poisons()
{
    for (int pattern : {0, 1}) {
        u32 out[32];
        // Two blocks, one after the other, in one piece of memory: the second finds poison too.
        const std::string error = tuna2::launch<shared_kernel>({out}, {2, 1, 1}, 32, sizeof(SharedWords), order(false, pattern));
        check(error.empty(), "poisons", error);
        for (u32 word : out) check(word == tuna2::POISON[pattern], "shared memory begins as poison");
    }
    const float nan = __uint_as_float(tuna2::POISON[0]), huge = __uint_as_float(tuna2::POISON[1]);
    check(nan != nan && high_half(tuna2::POISON[0]) != high_half(tuna2::POISON[0]), "pattern 0 is NaN in both types");
    check(huge > 1e37f && huge < INFINITY && high_half(tuna2::POISON[1]) > 1e37f, "pattern 1 is huge and finite in both types");
}

// Memory and arithmetic

void memories()
{
    char error[256] = "";
    auto* p = static_cast<char*>(tuna2_allocate(21));
    check(tuna2_verify(p, error, sizeof error) == 0, "a fresh allocation is whole");
    p[20] = 1;
    check(tuna2_verify(p, error, sizeof error) == 0, "its last byte is its own");
    p[21] = 1;
    check(tuna2_verify(p, error, sizeof error) == 1, "a byte past the end is seen");
    tuna2_free(p);
    p = static_cast<char*>(tuna2_allocate(4096));
    p[-1] = 1;
    check(tuna2_verify(p, error, sizeof error) == 1, "a byte before the beginning is seen");
    tuna2_free(p);
}

void arithmetic()
{
    check(__byte_perm(0x33221100u, 0x77665544u, 0x7410u) == 0x77441100u, "__byte_perm");
    check(__funnelshift_l(0x80000000u, 1u, 1) == 3u && __funnelshift_r(0u, 1u, 1) == 0x80000000u, "__funnelshift");
    check(__float2int_rn(2.5f) == 2 && __float2int_rn(3e9f) == 0x7fffffff && __float2int_rz(NAN) == 0, "__float2int");
    check(__clz(1) == 31 && __clz(0) == 32 && __ffs(8) == 4 && __popc(0xf0u) == 4 && __brev(1u) == 0x80000000u, "bits");
    check(min(3, 5) == 3 && max(-1.0f, NAN) == -1.0f && max(2u, 7u) == 7u, "min, max");
    int i = 5;
    check(atomicAdd(&i, 2) == 5 && atomicMax(&i, 3) == 7 && atomicCAS(&i, 7, 1) == 7 && atomicExch(&i, 9) == 1 && i == 9, "atomics");
    float f = 1.5f;
    check(atomicAdd(&f, 2.0f) == 1.5f && f == 3.5f, "atomicAdd(float)");
    check(round_bf16(NAN) == 0x7fff && round_bf16(1.00390625f) == 0x3f80 && round_bf16(1.01171875f) == 0x3f82, "round_bf16: ties to even");
}

} // namespace

int main()
{
    shuffles();
    votes();
    products();
    loads();
    copies();
    phases();
    boxes();
    warpgroups();
    orders();
    grids();
    poisons();
    memories();
    arithmetic();
    printf(failures ? "%d checks failed\n" : "all checks passed\n", failures);
    return failures != 0;
}
