// The host's half of kernels/common/mma.cuh, where the layouts are drawn.
#pragma once
#include "execution.hpp"

namespace tuna2 {

struct MmaLane {
    float c[4];
    uint32_t a[4], b[2];
};
struct LoadMatrixLane {
    const void* row;
    uint32_t word[4];
};

// C[i][j] = (((C[i][j] + A[i][0] B[0][j]) + A[i][1] B[1][j]) + ...), k ascending, each addition rounded to float32. Products of
// two bf16 are exact in float32. (The tensor core adds in an order and with a rounding NVIDIA does not state.)
TUNA2_RUNNER void multiply_16x8x16(void* const* lanes, uint32_t mask);
TUNA2_RUNNER void load_matrices(void* const* lanes, uint32_t mask);
TUNA2_RUNNER void load_matrices_transposed(void* const* lanes, uint32_t mask);

} // namespace tuna2

inline void mma_16x8x16(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2], tuna2::Site site = tuna2::Site::here())
{
    tuna2::MmaLane mine = {{c[0], c[1], c[2], c[3]}, {a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
    tuna2::warp_collective("mma_16x8x16", 0xffffffffu, &mine, tuna2::multiply_16x8x16, site);
    for (int i = 0; i < 4; i++) c[i] = mine.c[i];
}

inline void load_matrix_x4(unsigned (&r)[4], const void* row, tuna2::Site site = tuna2::Site::here())
{
    tuna2::check_shared("load_matrix_x4", row, 16, site);
    tuna2::LoadMatrixLane mine = {row, {}};
    tuna2::warp_collective("load_matrix_x4", 0xffffffffu, &mine, tuna2::load_matrices, site);
    for (int i = 0; i < 4; i++) r[i] = mine.word[i];
}

inline void load_matrix_x4_transposed(unsigned (&r)[4], const void* row, tuna2::Site site = tuna2::Site::here())
{
    tuna2::check_shared("load_matrix_x4_transposed", row, 16, site);
    tuna2::LoadMatrixLane mine = {row, {}};
    tuna2::warp_collective("load_matrix_x4_transposed", 0xffffffffu, &mine, tuna2::load_matrices_transposed, site);
    for (int i = 0; i < 4; i++) r[i] = mine.word[i];
}
