// Device code of fragments.cu: each kernel asks the hardware where it keeps an element. Raw PTX, no headers.
#pragma once

typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned short u16;

__device__ inline u32 shared_address(const void* p)
{
    return (u32)__cvta_generic_to_shared(p);
}

// All dynamic shared memory of a block. 1024 bytes is what the 128-byte swizzle needs: it permutes by address bits.
__device__ inline unsigned char* block_memory()
{
    extern __shared__ __align__(1024) unsigned char memory[];
    return memory;
}

// Exact for the small whole numbers used here.
__device__ inline u16 bf16_of(int value)
{
    return (u16)(__float_as_uint((float)value) >> 16);
}

// ---- mma.sync: one warp. a: up to 8 bf16 per lane, b: up to 4, c and d: 4 floats per lane, lane-major.

extern "C" __global__ void mma_m16n8k16(const u32* a, const u32* b, const float* c, float* d)
{
    int l = threadIdx.x;
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
                 "{%10,%11,%12,%13};"
                 : "=f"(d[4 * l]), "=f"(d[4 * l + 1]), "=f"(d[4 * l + 2]), "=f"(d[4 * l + 3])
                 : "r"(a[4 * l]), "r"(a[4 * l + 1]), "r"(a[4 * l + 2]), "r"(a[4 * l + 3]), "r"(b[2 * l]),
                   "r"(b[2 * l + 1]), "f"(c[4 * l]), "f"(c[4 * l + 1]), "f"(c[4 * l + 2]), "f"(c[4 * l + 3]));
}

extern "C" __global__ void mma_m16n8k8(const u32* a, const u32* b, const float* c, float* d)
{
    int l = threadIdx.x;
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%7,%8,%9,%10};"
                 : "=f"(d[4 * l]), "=f"(d[4 * l + 1]), "=f"(d[4 * l + 2]), "=f"(d[4 * l + 3])
                 : "r"(a[2 * l]), "r"(a[2 * l + 1]), "r"(b[l]), "f"(c[4 * l]), "f"(c[4 * l + 1]), "f"(c[4 * l + 2]),
                   "f"(c[4 * l + 3]));
}

// ---- ldmatrix: four 8x8 matrices, element codes 64 * matrix + 8 * row + column. Rows lie in an order of their own
// (row r of matrix m at slot (7 * (8 m + r) + 3) mod 32), so that it shows that each lane's address names a row.

extern "C" __global__ void load_matrices(u32* out, int matrices, int transposed)
{
    __shared__ __align__(16) u16 rows[32][8];
    int l = threadIdx.x;
    int slot = (7 * l + 3) % 32;
    for (int c = 0; c < 8; ++c) rows[slot][c] = (u16)(8 * l + c);
    __syncthreads();
    u32 r[4] = {0xFFFFFFFFu, 0xFFFFFFFFu, 0xFFFFFFFFu, 0xFFFFFFFFu};
    u32 address = shared_address(rows[slot]);
    if (matrices == 4 && !transposed)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address));
    if (matrices == 4 && transposed)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address));
    if (matrices == 2 && !transposed)
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];" : "=r"(r[0]), "=r"(r[1]) : "r"(address));
    if (matrices == 2 && transposed)
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
                     : "=r"(r[0]), "=r"(r[1]) : "r"(address));
    if (matrices == 1 && !transposed)
        asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(r[0]) : "r"(address));
    if (matrices == 1 && transposed)
        asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];" : "=r"(r[0]) : "r"(address));
    for (int i = 0; i < 4; ++i) out[4 * l + i] = r[i];
}

// ---- Tensor copy engine: loads `boxes` boxes of (rows, box_columns) bf16 side by side and copies shared memory out as it
// lies. The map is 128 opaque bytes made by the driver.

struct __align__(64) TensorMap { unsigned char bytes[128]; };

extern "C" __global__ void tensor_load(const __grid_constant__ TensorMap map, u16* out, int rows, int box_columns, int boxes)
{
    unsigned char* memory = block_memory();
    __shared__ __align__(8) u64 barrier;
    u32 bar = shared_address(&barrier);
    int box_bytes = rows * box_columns * 2;
    if (threadIdx.x == 0) {
        asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(bar));
        asm volatile("fence.mbarrier_init.release.cluster;");
        asm volatile("fence.proxy.async.shared::cta;");
        asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(bar), "r"(box_bytes * boxes) : "memory");
        for (int i = 0; i < boxes; ++i)
            asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], "
                         "[%4];"
                         ::"r"(shared_address(memory) + i * box_bytes), "l"(&map), "r"(i * box_columns), "r"(0), "r"(bar)
                         : "memory");
    }
    __syncthreads();
    u32 done = 0;
    while (!done)
        asm volatile("{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], 0; selp.u32 %0, 1, 0, p; }"
                     : "=r"(done) : "r"(bar) : "memory");
    const u16* image = (const u16*)memory;
    for (int i = threadIdx.x; i < box_bytes * boxes / 2; i += blockDim.x) out[i] = image[i];
}

// ---- wgmma: one warpgroup, m64 n{64,128} k16, float accumulators.
//
// Operands in shared memory are described by a 64-bit descriptor: address / 16 (bits 0-13), leading byte offset / 16
// (16-29), stride byte offset / 16 (32-45), swizzle (62-63: 0 none, 1 128 bytes, 2 64 bytes, 3 32 bytes).

__device__ inline u64 descriptor(u32 address, u32 leading, u32 stride, u32 swizzle)
{
    return (u64)((address & 0x3FFFF) >> 4) | (u64)((leading & 0x3FFFF) >> 4) << 16 |
           (u64)((stride & 0x3FFFF) >> 4) << 32 | (u64)swizzle << 62;
}

#define ACC8(i) "%" #i "0,%" #i "1,%" #i "2,%" #i "3,%" #i "4,%" #i "5,%" #i "6,%" #i "7,%" #i "8,%" #i "9"
#define D32 "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9," ACC8(1) "," ACC8(2) ",%30,%31}"
#define D64 "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9," ACC8(1) "," ACC8(2) "," ACC8(3) "," ACC8(4) "," ACC8(5) ",%60,%61,%62,%63}"
#define F8(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), \
              "+f"(d[i + 7])
#define F32(i) F8(i), F8(i + 8), F8(i + 16), F8(i + 24)

__device__ inline void wgmma_begin() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }

// Waits, and ties every accumulator to the wait: without that the compiler may read one before it is written.
template <int COUNT> __device__ inline void wgmma_end(float (&d)[COUNT])
{
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
    asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
    for (int i = 0; i < COUNT; ++i) asm volatile("" : "+f"(d[i]) :: "memory");
}

// A from registers, B by descriptor; TRANSPOSED 1 means B lies MN-major (each k row holds consecutive n).
template <int N, int TRANSPOSED> __device__ inline void wgmma_registers(float (&d)[N / 2], const u32 (&a)[4], u64 b);

template <> __device__ inline void wgmma_registers<64, 0>(float (&d)[32], const u32 (&a)[4], u64 b)
{
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " D32 ", {%32,%33,%34,%35}, %36, 1, 1, 1, 0;"
                 : F32(0) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
template <> __device__ inline void wgmma_registers<64, 1>(float (&d)[32], const u32 (&a)[4], u64 b)
{
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " D32 ", {%32,%33,%34,%35}, %36, 1, 1, 1, 1;"
                 : F32(0) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
template <> __device__ inline void wgmma_registers<128, 0>(float (&d)[64], const u32 (&a)[4], u64 b)
{
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 " D64 ", {%64,%65,%66,%67}, %68, 1, 1, 1, 0;"
                 : F32(0), F32(32) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
template <> __device__ inline void wgmma_registers<128, 1>(float (&d)[64], const u32 (&a)[4], u64 b)
{
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 " D64 ", {%64,%65,%66,%67}, %68, 1, 1, 1, 1;"
                 : F32(0), F32(32) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

// Both operands by descriptor, both K-major.
__device__ inline void wgmma_shared(float (&d)[32], u64 a, u64 b)
{
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " D32 ", %32, %33, 1, 1, 1, 0, 0;"
                 : F32(0) : "l"(a), "l"(b));
}

// What describes one operand in shared memory. A k step of 16 starts at step_bytes(s).
struct Operand
{
    u32 slots;          // bf16 elements of the operand
    u32 steps;          // k / 16
    u32 leading, stride, swizzle;
    u32 panel_bytes;    // bytes of one panel: all rows, one swizzle width wide
    u32 width;          // swizzle width in bytes: 16 (none), 32, 64, 128
    u32 mn_major;
};

__device__ inline u32 step_bytes(const Operand& o, u32 step)
{
    if (o.mn_major) return step * 16 * o.width;                             // 16 k rows further down every panel
    u32 byte = step * 32;                                                   // 16 elements further along the row
    return byte / o.width * o.panel_bytes + byte % o.width;
}

// Which element is slot i of the B operand? One slot holds 1 and all others 0; A[m][k] = 1 + k, so D[m][n] = 1 + k in
// column n. Row 0 of D lies in lanes 0-3 of warp 0. found[slot] = n * K + k; hits[slot] counts answers (must be 1).
template <int N, int TRANSPOSED> __device__ inline void probe_b(const Operand& o, int* found, int* hits)
{
    unsigned char* memory = block_memory();
    u16* slots = (u16*)memory;
    for (u32 i = threadIdx.x; i < o.slots; i += blockDim.x) slots[i] = 0;
    // A's fragment: lane 4 g + t holds columns 2t, 2t+1 of rows g and g + 8, then columns 2t+8, 2t+9 of the same.
    u32 t = threadIdx.x % 4;
    u32 low = bf16_of(1 + 2 * t) | (u32)bf16_of(2 + 2 * t) << 16;
    u32 high = bf16_of(9 + 2 * t) | (u32)bf16_of(10 + 2 * t) << 16;
    u32 a[4] = {low, low, high, high};
    for (u32 slot = blockIdx.x; slot < o.slots; slot += gridDim.x) {
        __syncthreads();
        if (threadIdx.x == 0) slots[slot] = bf16_of(1);
        asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
        __syncthreads();
        for (u32 step = 0; step < o.steps; ++step) {
            float d[N / 2];
            for (int i = 0; i < N / 2; ++i) d[i] = 0.0f;
            wgmma_begin();
            wgmma_registers<N, TRANSPOSED>(d, a, descriptor(shared_address(memory) + step_bytes(o, step), o.leading, o.stride,
                                                            o.swizzle));
            wgmma_end(d);
            if (threadIdx.x < 4)
                for (int i = 0; i < N / 2; ++i)
                    if (i % 4 < 2 && d[i] != 0.0f) {
                        int n = 8 * (i / 4) + 2 * (int)t + i % 2;
                        found[slot] = n * 16 * (int)o.steps + 16 * (int)step + (int)d[i] - 1;
                        atomicAdd(&hits[slot], 1);
                    }
        }
        __syncthreads();
        if (threadIdx.x == 0) slots[slot] = 0;
    }
}

extern "C" __global__ void __launch_bounds__(128, 1)
wgmma_probe_b64(const Operand o, int* found, int* hits) { probe_b<64, 0>(o, found, hits); }
extern "C" __global__ void __launch_bounds__(128, 1)
wgmma_probe_b64_transposed(const Operand o, int* found, int* hits) { probe_b<64, 1>(o, found, hits); }
extern "C" __global__ void __launch_bounds__(128, 1)
wgmma_probe_b128(const Operand o, int* found, int* hits) { probe_b<128, 0>(o, found, hits); }
extern "C" __global__ void __launch_bounds__(128, 1)
wgmma_probe_b128_transposed(const Operand o, int* found, int* hits) { probe_b<128, 1>(o, found, hits); }

// The same for A in shared memory (K-major). B is 64 columns of 1 + k in the unswizzled K-major layout (16 of k):
// 8 x 8 cores of 128 bytes, row groups 128 bytes apart, the two k halves 1024 bytes apart.
extern "C" __global__ void __launch_bounds__(128, 1) wgmma_probe_a(const Operand o, int* found, int* hits)
{
    unsigned char* memory = block_memory();
    u16* slots = (u16*)memory;
    u16* b = slots + o.slots;
    for (u32 i = threadIdx.x; i < o.slots; i += blockDim.x) slots[i] = 0;
    for (u32 i = threadIdx.x; i < 64 * 16; i += blockDim.x) {
        u32 n = i / 16, k = i % 16;
        b[(k / 8 * 1024 + n * 16 + k % 8 * 2) / 2] = bf16_of(1 + k);
    }
    for (u32 slot = blockIdx.x; slot < o.slots; slot += gridDim.x) {
        __syncthreads();
        if (threadIdx.x == 0) slots[slot] = bf16_of(1);
        asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
        __syncthreads();
        for (u32 step = 0; step < o.steps; ++step) {
            float d[32];
            for (int i = 0; i < 32; ++i) d[i] = 0.0f;
            wgmma_begin();
            wgmma_shared(d, descriptor(shared_address(memory) + step_bytes(o, step), o.leading, o.stride, o.swizzle),
                         descriptor(shared_address(b), 1024, 128, 0));
            wgmma_end(d);
            // Column 0 lies in the lanes with t = 0: element 0 in row 16 warp + g, element 2 eight rows below.
            if (threadIdx.x % 4 == 0)
                for (int h = 0; h < 2; ++h)
                    if (d[2 * h] != 0.0f) {
                        int m = 16 * (int)(threadIdx.x / 32) + (int)(threadIdx.x % 32) / 4 + 8 * h;
                        found[slot] = m * 16 * (int)o.steps + 16 * (int)step + (int)d[2 * h] - 1;
                        atomicAdd(&hits[slot], 1);
                    }
        }
        __syncthreads();
        if (threadIdx.x == 0) slots[slot] = 0;
    }
}

// A whole m64 n64 k16 product with all operands in use: A from registers or from shared memory, B K-major and
// unswizzled. d: 128 threads x 32 floats as they lie. a (64, 16) and b (64, 16) are whole numbers as bf16.
extern "C" __global__ void __launch_bounds__(128, 1) wgmma_product(const u16* a, const u16* b, float* out, int a_in_registers)
{
    __shared__ __align__(1024) u16 sa[64 * 16];
    __shared__ __align__(1024) u16 sb[64 * 16];
    for (u32 i = threadIdx.x; i < 64 * 16; i += blockDim.x) {
        u32 row = i / 16, k = i % 16, at = (k / 8 * 1024 + row * 16 + k % 8 * 2) / 2;
        sa[at] = a[i];
        sb[at] = b[i];
    }
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncthreads();
    float d[32];
    for (int i = 0; i < 32; ++i) d[i] = 0.0f;
    u64 db = descriptor(shared_address(sb), 1024, 128, 0);
    if (a_in_registers) {
        u32 row = 16 * (threadIdx.x / 32) + threadIdx.x % 32 / 4, t = threadIdx.x % 4;
        const u32* pairs = (const u32*)a;       // 8 pairs per row
        u32 f[4] = {pairs[8 * row + t], pairs[8 * (row + 8) + t], pairs[8 * row + t + 4], pairs[8 * (row + 8) + t + 4]};
        wgmma_begin();
        wgmma_registers<64, 0>(d, f, db);
        wgmma_end(d);
    } else {
        wgmma_begin();
        wgmma_shared(d, descriptor(shared_address(sa), 1024, 128, 0), db);
        wgmma_end(d);
    }
    for (int i = 0; i < 32; ++i) out[32 * threadIdx.x + i] = d[i];
}
