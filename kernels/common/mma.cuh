// The tensor core, Ampere's way (sm_80 and up): 16x8x16 products of bf16 with float32 accumulators, and the loads that bring
// operands from shared memory in their layout.
//
// For lane l of the warp, g = l / 4, t = l % 4; words hold two bf16, lower column first:
//   A 16x16 row-major:  a[0] = (g, 2t), a[1] = (g + 8, 2t), a[2] = (g, 2t + 8), a[3] = (g + 8, 2t + 8)
//   B 16x8 (k x n):     b[0] = k 2t..2t+1 of column g, b[1] = k 2t+8..2t+9 of column g
//   C 16x8:             c[0..1] = (g, 2t..2t+1), c[2..3] = (g + 8, 2t..2t+1)
#pragma once
#include "async.cuh"

#ifndef TUNA2_HOST
__device__ __forceinline__ void mma_16x8x16(float (&c)[4], const u32 (&a)[4], const u32 (&b)[2])
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Four 8x8 matrices of bf16: lane l gives the address of row l % 8 of matrix l / 8 (16 bytes, aligned); word i of lane l gets
// row l / 4, columns 2 (l % 4) and the next, of matrix i.
__device__ __forceinline__ void load_matrix_x4(u32 (&r)[4], const void* row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}

// The same, each matrix transposed: word i of lane l gets rows 2 (l % 4) and the next of column l / 4.
__device__ __forceinline__ void load_matrix_x4_transposed(u32 (&r)[4], const void* row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}
#endif
