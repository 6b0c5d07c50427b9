/* The weak hash: a polynomial over the bytes, modulo 2^32, that can roll.
 *
 *     weak(b[0..n)) = M^n + b[0] M^(n-1) + b[1] M^(n-2) + ... + b[n-1]
 *
 * The leading M^n (a register that starts at 1) makes zeros count. The idea is Rabin's and Karp's; librsync uses the
 * same form. M is odd and 5 modulo 8, so its powers have the longest period there is; it is one of the multipliers
 * that L'Ecuyer ("Tables of linear congruential generators of different sizes and good lattice structure", 1999)
 * recommends for 2^32. Only the high bits of the result are well mixed, so whoever shortens it keeps those.
 */
#ifndef CATSYNC_WEAK_H
#define CATSYNC_WEAK_H

#include <stddef.h>
#include <stdint.h>

#define WEAK_MULTIPLIER 747796405u
#define WEAK_CHUNK 256

/* Powers of M as two signed 16-bit halves, so that compilers turn the sum of products into the multiply-and-add of
 * 16-bit lanes that every SIMD instruction set has, SSE2 included. power = low + high * 2^16 (modulo 2^32). */
typedef struct {
    int16_t low[WEAK_CHUNK];
    int16_t high[WEAK_CHUNK];
} WeakPowers;

static uint32_t weak_power(size_t exponent)
{
    uint32_t result = 1, square = WEAK_MULTIPLIER;
    for (; exponent > 0; exponent >>= 1, square *= square)
        if (exponent & 1)
            result *= square;
    return result;
}

/* Fills the powers M^255 ... M^1, M^0. */
static void weak_prepare(WeakPowers *powers)
{
    uint32_t power = 1;
    for (int i = WEAK_CHUNK - 1; i >= 0; i--, power *= WEAK_MULTIPLIER) {
        int32_t low = (int32_t)(power & 0xffff);
        if (low >= 0x8000)
            low -= 0x10000;
        int32_t high = (int32_t)((power - (uint32_t)low) >> 16);
        if (high >= 0x8000)
            high -= 0x10000;
        powers->low[i] = (int16_t)low;
        powers->high[i] = (int16_t)high;
    }
}

/* Sum of data[i] * M^(length - 1 - i) for up to 256 bytes. Each of the two sums is at most 256 * 255 * 32768 in size,
 * which is less than 2^31, so neither overflows. */
static uint32_t weak_products(const WeakPowers *powers, const uint8_t *data, size_t length)
{
    const int16_t *low = powers->low + (WEAK_CHUNK - length);
    const int16_t *high = powers->high + (WEAK_CHUNK - length);
    int32_t low_sum = 0, high_sum = 0;
    for (size_t i = 0; i < length; i++) {
        low_sum += (int16_t)data[i] * low[i];
        high_sum += (int16_t)data[i] * high[i];
    }
    return (uint32_t)low_sum + ((uint32_t)high_sum << 16);
}

/* The weak hash of a block of any length. */
static uint32_t weak_hash(const WeakPowers *powers, const uint8_t *data, size_t length)
{
    const uint32_t chunk_power = weak_power(WEAK_CHUNK);
    const size_t head = length % WEAK_CHUNK;
    uint32_t hash = weak_power(head) + weak_products(powers, data, head);
    for (size_t i = head; i < length; i += WEAK_CHUNK)
        hash = hash * chunk_power + weak_products(powers, data + i, WEAK_CHUNK);
    return hash;
}

/* What leaves the hash when a byte leaves the window of `length` bytes, for each value of that byte:
 * rolling is hash * M + in - leave[out]. The register's leading M^n has to shrink by one power, too. */
static void weak_prepare_leave(uint32_t leave[256], size_t length)
{
    const uint32_t power = weak_power(length);
    for (uint32_t byte = 0; byte < 256; byte++)
        leave[byte] = byte * power + power * (WEAK_MULTIPLIER - 1u);
}

#endif
