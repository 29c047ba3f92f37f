#include "tensor_core.hpp"
#include <cstring>

namespace tuna2 {
namespace {

float low_half(uint32_t word) { const uint32_t bits = word << 16; float x; std::memcpy(&x, &bits, sizeof x); return x; }
float high_half(uint32_t word) { const uint32_t bits = word & 0xffff0000u; float x; std::memcpy(&x, &bits, sizeof x); return x; }

} // namespace

// The wider clone changes how many columns go at once, not a single bit: neither contracts a product and a sum.
#ifdef __x86_64__
__attribute__((target_clones("avx2", "default")))
#endif
void multiply_16x8x16(void* const* lanes, uint32_t)
{
    float a[16][16], b[16][8], c[16][8];
    for (int lane = 0; lane < 32; lane++) {
        const auto& l = *static_cast<const MmaLane*>(lanes[lane]);
        const int g = lane / 4, t = lane % 4;
        for (int i = 0; i < 4; i++) {
            const int row = g + 8 * (i & 1), column = 2 * t + 8 * (i >> 1);
            a[row][column] = low_half(l.a[i]), a[row][column + 1] = high_half(l.a[i]);
        }
        for (int i = 0; i < 2; i++) b[2 * t + 8 * i][g] = low_half(l.b[i]), b[2 * t + 8 * i + 1][g] = high_half(l.b[i]);
        c[g][2 * t] = l.c[0], c[g][2 * t + 1] = l.c[1], c[g + 8][2 * t] = l.c[2], c[g + 8][2 * t + 1] = l.c[3];
    }
    for (int i = 0; i < 16; i++)
        for (int k = 0; k < 16; k++)
            for (int j = 0; j < 8; j++) c[i][j] += a[i][k] * b[k][j];
    for (int lane = 0; lane < 32; lane++) {
        auto& l = *static_cast<MmaLane*>(lanes[lane]);
        const int g = lane / 4, t = lane % 4;
        l.c[0] = c[g][2 * t], l.c[1] = c[g][2 * t + 1], l.c[2] = c[g + 8][2 * t], l.c[3] = c[g + 8][2 * t + 1];
    }
}

void load_matrices(void* const* lanes, uint32_t)
{
    for (int lane = 0; lane < 32; lane++)
        for (int i = 0; i < 4; i++) {
            const void* row = static_cast<LoadMatrixLane*>(lanes[8 * i + lane / 4])->row;
            std::memcpy(&static_cast<LoadMatrixLane*>(lanes[lane])->word[i], static_cast<const char*>(row) + 4 * (lane % 4), 4);
        }
}

void load_matrices_transposed(void* const* lanes, uint32_t)
{
    for (int lane = 0; lane < 32; lane++)
        for (int i = 0; i < 4; i++) {
            uint16_t pair[2];
            for (int k = 0; k < 2; k++) {
                const void* row = static_cast<LoadMatrixLane*>(lanes[8 * i + 2 * (lane % 4) + k])->row;
                std::memcpy(&pair[k], static_cast<const char*>(row) + 2 * (lane / 4), 2);
            }
            static_cast<LoadMatrixLane*>(lanes[lane])->word[i] = pair[0] | (uint32_t)pair[1] << 16;
        }
}

} // namespace tuna2
