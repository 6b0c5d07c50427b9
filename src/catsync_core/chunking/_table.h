/* The lookup table over the blocks of a target: from a weak hash to the blocks that have it.
 *
 * Blocks of equal weak and strong hash are one "kind": found once, all of them are found. Kinds are sorted by weak, then
 * strong hash, and looked up by bisection inside a bucket of the highest weak bits. So a lookup costs a logarithm even
 * when a hostile signature has a million equal weak hashes (rsync followed such chains to their end, CVE-2026-70453).
 */
#ifndef CATSYNC_TABLE_H
#define CATSYNC_TABLE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define STRONG_MAX 16

/* Two filters turn offsets away before a lookup. The first, a bitmap over high weak bits, is asked at every offset, so it
 * has to stay in the cache of one core, and constant shifts choose its bits. The second, the sieve, is asked about what
 * the first lets through: a Bloom filter that has both bits of a hash in the same word. Bits for each block, and bits at
 * most, as powers of two. */
#define FILTER_SPREAD 5
#define FILTER_MOST 20
#define FILTER_SHIFT (32 - FILTER_MOST)
#define SIEVE_SPREAD 7
#define SIEVE_MOST 23

/* 1 if a block may have this hash, otherwise 0. */
#define FILTER_PASSES(filter, mask, hash) \
    ((filter)[(hash) >> (FILTER_SHIFT + 5) & (mask)] >> ((hash) >> FILTER_SHIFT & 31) & 1)

typedef struct {
    uint32_t blocks;       /* of full length; a shorter last block is not in the table */
    uint32_t kinds;
    unsigned weak_shift;   /* a 32-bit hash shifted by this is a shortened one */
    unsigned bucket_shift; /* ... is the number of a bucket */
    uint32_t filter_mask;  /* of the number of a word in the filter */
    unsigned sieve_shift;  /* a mixed hash shifted by this is the number of a word in the sieve */
    size_t strong_bytes;
    uint32_t *kind_of_block;
    uint32_t *first_block; /* of each kind: the first block that is of this kind */
    uint32_t *weak;        /* of each kind: shortened */
    uint8_t *strong;       /* of each kind: shortened */
    uint32_t *wanted;      /* at the first kind of each weak hash: how many kinds of that hash are still wanted */
    uint32_t *bucket;      /* bucket i holds the kinds from bucket[i] up to bucket[i + 1] */
    uint32_t *filter;
    uint64_t *sieve;
} Table;

static void table_free(Table *table)
{
    free(table->kind_of_block);
    free(table->first_block);
    free(table->weak);
    free(table->strong);
    free(table->wanted);
    free(table->bucket);
    free(table->filter);
    free(table->sieve);
    memset(table, 0, sizeof *table);
}

static uint32_t read_weak(const uint8_t *packed, unsigned weak_bytes)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < weak_bytes; i++)
        value |= (uint32_t)packed[i] << (8 * i);
    return value;
}

/* Stable counting sort of block numbers by one byte of a key. */
static void sort_by_byte(const uint32_t *from, uint32_t *to, uint32_t count, const uint8_t *keys, size_t key_length)
{
    size_t starts[257] = {0};
    for (uint32_t i = 0; i < count; i++)
        starts[keys[from[i] * key_length] + 1]++;
    for (int byte = 0; byte < 256; byte++)
        starts[byte + 1] += starts[byte];
    for (uint32_t i = 0; i < count; i++)
        to[starts[keys[from[i] * key_length]]++] = from[i];
}

/* Orders block numbers by weak hash, then strong hash, then number: a radix sort, so linear whatever the hashes are.
 * Returns whichever of the two arrays holds the result. */
static uint32_t *sort_blocks(uint32_t *order, uint32_t *spare, uint32_t count, const uint8_t *weak, size_t weak_bytes,
                             const uint8_t *strong, size_t strong_bytes)
{
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (size_t pass = 0; pass < strong_bytes + weak_bytes; pass++) {
        if (pass < strong_bytes)
            sort_by_byte(order, spare, count, strong + (strong_bytes - 1 - pass), strong_bytes);
        else
            sort_by_byte(order, spare, count, weak + (pass - strong_bytes), weak_bytes);
        uint32_t *swap = order;
        order = spare;
        spare = swap;
    }
    return order;
}

static void number_kinds(Table *table, const uint32_t *order, const uint8_t *weak, unsigned weak_bytes,
                         const uint8_t *strong)
{
    const size_t strong_bytes = table->strong_bytes;
    uint32_t kinds = 0, head = 0;
    for (uint32_t i = 0; i < table->blocks; i++) {
        const uint32_t block = order[i];
        const uint32_t value = read_weak(weak + (size_t)block * weak_bytes, weak_bytes);
        const uint8_t *digest = strong + block * strong_bytes;
        const int same_weak = kinds > 0 && table->weak[kinds - 1] == value;
        if (!same_weak || memcmp(table->strong + (kinds - 1) * strong_bytes, digest, strong_bytes) != 0) {
            if (!same_weak)
                head = kinds;
            table->wanted[head]++;
            table->weak[kinds] = value;
            memcpy(table->strong + kinds * strong_bytes, digest, strong_bytes);
            table->first_block[kinds] = block;
            kinds++;
        }
        table->kind_of_block[block] = kinds - 1;
    }
    table->kinds = kinds;
}

static void fill_buckets(Table *table, unsigned bits)
{
    const uint32_t buckets = (uint32_t)1 << bits;
    uint32_t kind = 0;
    for (uint32_t i = 0; i <= buckets; i++) {
        table->bucket[i] = kind;
        while (kind < table->kinds && (table->weak[kind] << table->weak_shift) >> table->bucket_shift == i)
            kind++;
    }
}

/* Spreads all bits that a shortened hash has over 32 bits (Fibonacci hashing). */
static uint32_t mix(const Table *table, uint32_t hash)
{
    return (hash >> table->weak_shift) * 0x9e3779b1u;
}

static uint64_t sieve_bits(uint32_t mixed)
{
    return (uint64_t)1 << (mixed % 64) | (uint64_t)1 << (mixed / 64 % 64);
}

static int sieve_passes(const Table *table, uint32_t hash)
{
    const uint32_t mixed = mix(table, hash);
    const uint64_t bits = sieve_bits(mixed);
    return (table->sieve[mixed >> table->sieve_shift] & bits) == bits;
}

static void fill_filters(Table *table)
{
    /* Hashes of 2 bytes lack the bits that choose a bit of a word, so all of them are set. */
    const uint32_t unknown = table->weak_shift > FILTER_SHIFT ? UINT32_MAX : 1;
    for (uint32_t kind = 0; kind < table->kinds; kind++) {
        const uint32_t hash = table->weak[kind] << table->weak_shift;
        const uint32_t mixed = mix(table, hash);
        table->filter[hash >> (FILTER_SHIFT + 5) & table->filter_mask] |= unknown << (hash >> FILTER_SHIFT & 31);
        table->sieve[mixed >> table->sieve_shift] |= sieve_bits(mixed);
    }
}

/* The number of bits in which `count` values fit `spread` (a power of two, in bits) times, within bounds. */
static unsigned bits_for(uint32_t count, unsigned spread, unsigned most)
{
    unsigned bits = 8;
    while (bits < most && ((uint64_t)1 << bits) < ((uint64_t)count << spread))
        bits++;
    return bits;
}

/* Builds the table of `blocks` packed hashes. Returns 0, or -1 when memory ran out. */
static int table_build(Table *table, uint32_t blocks, const uint8_t *weak, unsigned weak_bytes, const uint8_t *strong,
                       unsigned strong_bytes)
{
    const size_t slots = blocks > 0 ? blocks : 1;
    const unsigned bucket_bits = bits_for(blocks, 0, weak_bytes > 2 ? 24 : 16);
    const unsigned filter_bits = bits_for(blocks, FILTER_SPREAD, FILTER_MOST);
    const unsigned sieve_words = bits_for(blocks, SIEVE_SPREAD, SIEVE_MOST) - 6;
    memset(table, 0, sizeof *table);
    table->blocks = blocks;
    table->strong_bytes = strong_bytes;
    table->weak_shift = 32 - 8 * weak_bytes;
    table->bucket_shift = 32 - bucket_bits;
    table->filter_mask = ((uint32_t)1 << (filter_bits - 5)) - 1;
    table->sieve_shift = 32 - sieve_words;
    table->kind_of_block = calloc(slots, sizeof(uint32_t));
    table->first_block = calloc(slots, sizeof(uint32_t));
    table->weak = calloc(slots, sizeof(uint32_t));
    table->strong = calloc(slots, strong_bytes);
    table->wanted = calloc(slots, sizeof(uint32_t));
    table->bucket = calloc(((size_t)1 << bucket_bits) + 1, sizeof(uint32_t));
    table->filter = calloc((size_t)1 << (filter_bits - 5), sizeof(uint32_t));
    table->sieve = calloc((size_t)1 << sieve_words, sizeof(uint64_t));
    uint32_t *order = calloc(slots, sizeof(uint32_t));
    uint32_t *spare = calloc(slots, sizeof(uint32_t));
    const int complete = table->kind_of_block && table->first_block && table->weak && table->strong && table->wanted &&
                         table->bucket && table->filter && table->sieve && order && spare;
    if (complete) {
        number_kinds(table, sort_blocks(order, spare, blocks, weak, weak_bytes, strong, strong_bytes), weak, weak_bytes,
                     strong);
        fill_buckets(table, bucket_bits);
        fill_filters(table);
    } else {
        table_free(table);
    }
    free(order);
    free(spare);
    return complete ? 0 : -1;
}

/* The first kind with this (unshortened) weak hash, or NONE. */
static uint32_t table_find_weak(const Table *table, uint32_t hash)
{
    const uint32_t key = hash >> table->weak_shift;
    uint32_t low = table->bucket[hash >> table->bucket_shift];
    const uint32_t end = table->bucket[(hash >> table->bucket_shift) + 1];
    uint32_t high = end;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (table->weak[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && table->weak[low] == key ? low : NONE;
}

/* The kind with this strong hash among those that share the weak hash of the kind `first`, or NONE. */
static uint32_t table_find_strong(const Table *table, uint32_t first, uint32_t hash, const uint8_t *digest)
{
    const uint32_t key = table->weak[first];
    const size_t length = table->strong_bytes;
    const uint32_t end = table->bucket[(hash >> table->bucket_shift) + 1];
    uint32_t low = first, high = end;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (table->weak[middle] == key && memcmp(table->strong + middle * length, digest, length) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    const int found = low < end && table->weak[low] == key && memcmp(table->strong + low * length, digest, length) == 0;
    return found ? low : NONE;
}

#endif
