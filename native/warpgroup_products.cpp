#include "warpgroup_products.hpp"
#include "tensor_copies.hpp"

namespace tuna2 {
namespace {

constexpr int ROWS = ProductScratch::ROWS, DEPTH = ProductScratch::DEPTH;

float of_bits(uint32_t bits)
{
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

float element(const char* shared, uint64_t operand, bool by_rows, int row, int k)
{
    uint16_t bits;
    std::memcpy(&bits, shared + operand_address(operand, by_rows, row, k), sizeof bits);
    return of_bits((uint32_t)bits << 16);
}

} // namespace

// PTX ISA, asynchronous warpgroup matrices: canonical layouts of the 128-byte swizzle, in bf16.
//   along k:    eight rows of 128 bytes, the next eight `group` bytes on; k goes along a row
//   by rows:    eight k of 128 bytes (64 columns), the next eight k `group` bytes on, the next 64 columns `panel` bytes on
uint32_t operand_address(uint64_t operand, bool by_rows, int row, int k)
{
    const uint32_t start = (uint32_t)(operand & 0x3fff) << 4, panel = (uint32_t)(operand >> 16 & 0x3fff) << 4, group = (uint32_t)(operand >> 32 & 0x3fff) << 4;
    const uint32_t r = (uint32_t)row, i = (uint32_t)k;
    return TensorCopy::swizzled(by_rows ? start + r / 64 * panel + r % 64 * 2 + i / 8 * group + i % 8 * 128
                                        : start + r / 8 * group + r % 8 * 128 + i * 2);
}

#ifdef __x86_64__
__attribute__((target_clones("avx2", "default")))
#endif
void multiply_64xNx16(const WarpgroupProduct* const (&threads)[WARPGROUP_THREADS], const char* shared, ProductScratch& scratch)
{
    const WarpgroupProduct& any = *threads[0];
    const int columns = any.columns;
    auto& [a, b, d] = scratch;
    for (int i = 0; i < WARPGROUP_THREADS; i++) {
        const WarpgroupProduct& mine = *threads[i];
        const int g = i / 32 * 16 + i % 32 / 4, t = i % 4;
        for (int w = 0; w < 4 && !any.a_operand; w++) {
            const int row = g + 8 * (w & 1), k = 2 * t + 8 * (w >> 1);
            a[row][k] = of_bits(mine.a[w] << 16), a[row][k + 1] = of_bits(mine.a[w] & 0xffff0000u);
        }
        for (int j = 0; j < columns / 2; j++) d[g + 8 * (j / 2 % 2)][j / 4 * 8 + 2 * t + j % 2] = any.accumulate ? mine.d[j] : 0.0f;
    }
    for (int row = 0; row < ROWS && any.a_operand; row++)
        for (int k = 0; k < DEPTH; k++) a[row][k] = element(shared, any.a_operand, false, row, k);
    for (int k = 0; k < DEPTH; k++)
        for (int column = 0; column < columns; column++) b[k][column] = element(shared, any.b_operand, any.b_by_rows, column, k);
    for (int row = 0; row < ROWS; row++)
        for (int k = 0; k < DEPTH; k++)
            for (int column = 0; column < columns; column++) d[row][column] += a[row][k] * b[k][column];
    for (int i = 0; i < WARPGROUP_THREADS; i++) {
        const int g = i / 32 * 16 + i % 32 / 4, t = i % 4;
        for (int j = 0; j < columns / 2; j++) threads[i]->d[j] = d[g + 8 * (j / 2 % 2)][j / 4 * 8 + 2 * t + j % 2];
    }
}

} // namespace tuna2
