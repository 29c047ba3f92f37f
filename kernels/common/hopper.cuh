// Hopper's own (sm_90a): barriers that count arrivals and bytes, the engine that copies boxes of a tensor into shared memory, and
// products of a whole warpgroup whose operands lie there. native/hopper.hpp is the host's half.
//
// A tile that the engine brings or a product reads is made of panels: rows of 128 bytes (64 bf16), at a multiple of 1024 bytes,
// in which chunk c of 16 bytes of row r lies at c ^ (r % 8), so that eight rows of one column fall into different banks.
//
// For thread i of the warpgroup, warp w = i / 32 % 4, g = i % 32 / 4, t = i % 4:
//   A 64 x 16 from registers, two bf16 a word:  a[0] = (16 w + g, 2 t), a[1] = (16 w + g + 8, 2 t), a[2] = (16 w + g, 2 t + 8),
//                                               a[3] = (16 w + g + 8, 2 t + 8)
//   D 64 x N:                                   d[4 j + 2 h + e] = (16 w + g + 8 h, 8 j + 2 t + e)
#pragma once
#include "async.cuh"
#include "bf16.cuh"

constexpr int WARPGROUP = 128;
constexpr int PANEL = 64;                       // bf16 of a row of a panel
constexpr int PANEL_CHUNK = 8;                  // bf16 of a chunk
constexpr int PANEL_GROUP_BYTES = 8 * 128;      // eight rows: what the swizzle repeats after

// Shared memory that holds panels is declared with this alignment.
#define PANEL_ALIGNED alignas(1024)

// CUtensorMap: 128 bytes that the driver makes of a tensor's address, sizes, strides and box.
struct alignas(64) TensorMap {
    u8 bytes[128];
};

// A barrier of the block (mbarrier). Its phases are counted from 0; one ends when all arrivals and all announced bytes have come.
struct Barrier {
    u64 state;
};

// The element of a panel's row where chunk c lies.
__device__ __forceinline__ int panel_chunk(int row, int chunk) { return (chunk ^ (row % 8)) * PANEL_CHUNK; }

#ifndef TUNA2_HOST
__device__ __forceinline__ void barrier_initialise(Barrier& b, int arrivals)
{
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(&b)), "r"(arrivals) : "memory");
}
// By the thread that initialised barriers, before the block's threads meet: the copy engine sees them too.
__device__ __forceinline__ void barriers_initialised()
{
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
__device__ __forceinline__ void barrier_arrive(Barrier& b)
{
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(&b)) : "memory");
}
// An arrival that announces bytes: the phase ends when they have been copied as well.
__device__ __forceinline__ void barrier_arrive_expecting(Barrier& b, int bytes)
{
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(&b)), "r"(bytes) : "memory");
}
// Waits until a phase of this parity has ended: with 1, before any phase has, it does not wait.
__device__ __forceinline__ void barrier_wait(Barrier& b, int parity)
{
    u32 done;
    do
        asm volatile("{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
                     : "=r"(done) : "r"(shared_address(&b)), "r"(parity) : "memory");
    while (!done);
}

// Copies the box at (column, row) of a two-dimensional tensor to shared memory; what lies outside the tensor becomes zeros.
__device__ __forceinline__ void tensor_load(void* shared, const TensorMap& map, Barrier& b, int column, int row)
{
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];"
                 ::"r"(shared_address(shared)), "l"(&map), "r"(column), "r"(row), "r"(shared_address(&b)) : "memory");
}

// The same of four dimensions.
__device__ __forceinline__ void tensor_load(void* shared, const TensorMap& map, Barrier& b, int c0, int c1, int c2, int c3)
{
    asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4, %5}], [%6];"
                 ::"r"(shared_address(shared)), "l"(&map), "r"(c0), "r"(c1), "r"(c2), "r"(c3), "r"(shared_address(&b)) : "memory");
}

// What threads wrote to shared memory is seen by products and copies that begin after it (and after a barrier, for other threads).
__device__ __forceinline__ void async_proxy_fence() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// Barriers 1 to 15, of some of the block's threads: whole warps that wait, or only say that they came.
__device__ __forceinline__ void named_barrier_sync(int id, int threads) { asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory"); }
__device__ __forceinline__ void named_barrier_arrive(int id, int threads) { asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory"); }

// Registers of each thread of the warpgroup, from the block's common store.
template <int count> __device__ __forceinline__ void registers_up() { asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(count)); }
template <int count> __device__ __forceinline__ void registers_down() { asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(count)); }

// Where an operand of a product begins, and how it goes on. Rows along k (K-major): `group` bytes from eight rows to the next eight,
// 16 of k are 32 bytes of a row; `panel` is not used. Rows along the other dimension (a row per k): `group` bytes from eight k
// to the next eight, `panel` bytes from 64 columns to the next 64.
__device__ __forceinline__ u64 operand(const void* p, int group = PANEL_GROUP_BYTES, int panel = 16)
{
    return (u64)((shared_address(p) & 0x3ffff) >> 4) | (u64)(panel >> 4) << 16 | (u64)(group >> 4) << 32 | (u64)1 << 62; // 1: 128-byte swizzle
}

// Products are queued: a fence before the first of a batch, when registers they use have been touched; a commit after the last;
// then a wait, which leaves that many batches under way. settled() after it keeps the compiler from reading an accumulator earlier.
__device__ __forceinline__ void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int batches> __device__ __forceinline__ void wgmma_wait() { asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(batches) : "memory"); }
template <int count> __device__ __forceinline__ void settled(float (&d)[count])
{
#pragma unroll
    for (int i = 0; i < count; i++) asm volatile("" : "+f"(d[i])::"memory");
}

// The assembler moves a wait up over arithmetic that could run meanwhile; not over a branch on its result. The sum is of weights.
__device__ __forceinline__ void computed_first(float sum)
{
    if (sum < 0) asm volatile("nanosleep.u32 1;" ::: "memory");
}

#define D8(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])
#define D32(i) D8(i), D8(i + 8), D8(i + 16), D8(i + 24)
#define NAMES_32                                                                                                             \
    "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, "    \
    "%25, %26, %27, %28, %29, %30, %31}"
#define NAMES_64                                                                                                             \
    "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, "    \
    "%25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "     \
    "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}"

#define NAMES_128                                                                                                            \
    "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, "             \
    "%23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, "              \
    "%44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, %64, "              \
    "%65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, %81, %82, %83, %84, %85, "              \
    "%86, %87, %88, %89, %90, %91, %92, %93, %94, %95, %96, %97, %98, %99, %100, %101, %102, %103, %104, %105, "             \
    "%106, %107, %108, %109, %110, %111, %112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, "           \
    "%124, %125, %126, %127}"

// d = a b (+ d): a (64, 16) and b (N, 16) in shared memory, both with rows along k.
__device__ __forceinline__ void wgmma(float (&d)[4], u64 a, u64 b, bool accumulate)
{
    asm volatile("{ .reg .pred p; setp.ne.b32 p, %6, 0; wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%0, %1, %2, %3}, %4, %5, p, 1, 1, 0, 0; }"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "l"(a), "l"(b), "r"((int)accumulate));
}
__device__ __forceinline__ void wgmma(float (&d)[64], u64 a, u64 b, bool accumulate)
{
    asm volatile("{ .reg .pred p; setp.ne.b32 p, %66, 0; wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 " NAMES_64
                 ", %64, %65, p, 1, 1, 0, 0; }"
                 : D32(0), D32(32) : "l"(a), "l"(b), "r"((int)accumulate));
}
__device__ __forceinline__ void wgmma(float (&d)[128], u64 a, u64 b, bool accumulate)
{
    asm volatile("{ .reg .pred p; setp.ne.b32 p, %130, 0; wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 " NAMES_128
                 ", %128, %129, p, 1, 1, 0, 0; }"
                 : D32(0), D32(32), D32(64), D32(96) : "l"(a), "l"(b), "r"((int)accumulate));
}

// d += a b: a (64, 16) from registers, b (16, N) in shared memory with a row per k.
__device__ __forceinline__ void wgmma_by_rows(float (&d)[32], const u32 (&a)[4], u64 b)
{
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " NAMES_32 ", {%32, %33, %34, %35}, %36, 1, 1, 1, 1;"
                 : D32(0) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
__device__ __forceinline__ void wgmma_by_rows(float (&d)[64], const u32 (&a)[4], u64 b)
{
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 " NAMES_64 ", {%64, %65, %66, %67}, %68, 1, 1, 1, 1;"
                 : D32(0), D32(32) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

#undef D8
#undef D32
#undef NAMES_32
#undef NAMES_64
#undef NAMES_128
#endif
