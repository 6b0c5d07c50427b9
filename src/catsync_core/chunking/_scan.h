/* The search for a target's blocks in the bytes of a basis.
 *
 * What is found is defined as if one position moved through the basis from its start (the pure-Python twin
 * `_reference.py` is written that way, and finds exactly the same):
 *
 *   1. Is the expected block here? Expected is block 0 at the start of a basis, and block i + 1 after block i. If it is
 *      here, it has its place, and the search goes on behind it.
 *   2. Otherwise, is a wanted block here, that is one of a kind that has no place yet? Then its first block of that kind
 *      has its place, and the search goes on behind it.
 *   3. Otherwise the search goes on one byte further.
 *
 * Step 1 compares weak and strong hash, both straight from memory, so data that did not change cost about as much as
 * reading them. Steps 2 and 3 roll. One rolling hash waits for its own multiplication at every byte; so when nothing was
 * found for a while, four of them run side by side over four stretches. They only collect candidates, which are then
 * looked up in the order of their offsets, so the number of lanes does not show in the result.
 *
 * Work is linear in the bytes of the bases whatever they contain: a lookup is a bisection, and strong hashes for lookups
 * may not exceed STRONG_BYTES_PER_BYTE for each byte passed (plus a small reserve). `choose_hash_lengths` makes about one
 * byte per byte, so only hostile data lose matches by that.
 */
#ifndef CATSYNC_SCAN_H
#define CATSYNC_SCAN_H

#include "_table.h"
#include "_weak.h"

#define NOWHERE UINT64_MAX
#define LANES 4
#define BATCH 1024       /* offsets between two looks at the candidates */
#define KEPT_MOST 4096   /* candidates per lane */
#define LEAST_SPAN 512   /* offsets per lane: fewer are not worth starting a lane */
#define MOST_SPAN 65536  /* offsets per lane: more would be rolled in vain before a find */
#define PAGE 4096
#define LINE 64
#define STRONG_BYTES_PER_BYTE 64
#define STRONG_RESERVE_BLOCKS 16

typedef struct {
    uint32_t step; /* offset from the start of the lane */
    uint32_t hash;
} Candidate;

typedef struct {
    uint32_t hash;
    size_t noted_count, kept_count;
    Candidate noted[BATCH + 1]; /* passed the filter; one more is written, but not counted */
    Candidate kept[KEPT_MOST];  /* passed the sieve, too */
} Lane;

typedef struct {
    Table table;
    size_t block_size;
    size_t tail;     /* bytes of the shorter last block; 0 when all blocks are full */
    uint32_t blocks; /* with the tail */
    uint32_t tail_weak;
    uint8_t tail_strong[STRONG_MAX];

    WeakPowers powers;
    uint32_t leave[256];

    uint32_t basis;     /* the number of the current basis */
    uint64_t position;  /* in it */
    uint64_t travelled; /* bytes of all bases that the search has passed */
    uint32_t expected;  /* a block, or NONE */

    uint32_t *place_basis;  /* of each block */
    uint64_t *place_offset; /* of each block, or NOWHERE */
    uint32_t *placed_block; /* of each kind: a block of that kind that has a place, or NONE */
    uint32_t wanted_kinds;
    uint64_t strong_hashes;        /* computed so far */
    uint64_t lookup_strong_hashes; /* those of step 2 */

    uint64_t unwanted; /* a weak hash that no wanted kind has, and so never will: flat data repeat it. Or NOWHERE */
    Lane lanes[LANES];
} Matcher;

static void strong_hash(const uint8_t *data, size_t length, uint8_t digest[STRONG_MAX])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, length));
    memcpy(digest, canonical.digest, STRONG_MAX);
}

static void matcher_free(Matcher *matcher)
{
    table_free(&matcher->table);
    free(matcher->place_basis);
    free(matcher->place_offset);
    free(matcher->placed_block);
    memset(matcher, 0, sizeof *matcher);
}

/* Sets the matcher up over packed hashes of `blocks` blocks. Returns 0, or -1 when memory ran out. */
static int matcher_build(Matcher *matcher, size_t block_size, size_t tail, uint32_t blocks, const uint8_t *weak,
                         unsigned weak_bytes, const uint8_t *strong, unsigned strong_bytes)
{
    const uint32_t full = blocks - (tail > 0);
    const size_t slots = blocks > 0 ? blocks : 1;
    memset(matcher, 0, sizeof *matcher);
    if (table_build(&matcher->table, full, weak, weak_bytes, strong, strong_bytes) != 0)
        return -1;
    matcher->block_size = block_size;
    matcher->tail = tail;
    matcher->blocks = blocks;
    if (tail > 0) {
        matcher->tail_weak = read_weak(weak + (size_t)full * weak_bytes, weak_bytes);
        memcpy(matcher->tail_strong, strong + (size_t)full * strong_bytes, strong_bytes);
    }
    weak_prepare(&matcher->powers);
    weak_prepare_leave(matcher->leave, block_size);
    matcher->expected = NONE;
    matcher->unwanted = NOWHERE;
    matcher->wanted_kinds = matcher->table.kinds;
    matcher->place_basis = calloc(slots, sizeof(uint32_t));
    matcher->place_offset = malloc(slots * sizeof(uint64_t));
    matcher->placed_block = malloc(slots * sizeof(uint32_t));
    if (!matcher->place_basis || !matcher->place_offset || !matcher->placed_block) {
        matcher_free(matcher);
        return -1;
    }
    for (size_t i = 0; i < slots; i++) {
        matcher->place_offset[i] = NOWHERE;
        matcher->placed_block[i] = NONE;
    }
    return 0;
}

static void matcher_begin(Matcher *matcher, uint32_t basis)
{
    matcher->basis = basis;
    matcher->position = 0;
    matcher->expected = matcher->blocks > 0 ? 0 : NONE;
}

static int is_tail(const Matcher *matcher, uint32_t block)
{
    return matcher->tail > 0 && block == matcher->blocks - 1;
}

static int tail_is_wanted(const Matcher *matcher)
{
    return matcher->tail > 0 && matcher->place_offset[matcher->blocks - 1] == NOWHERE;
}

/* How many distinct contents have no place yet. */
static uint32_t matcher_wanted(const Matcher *matcher)
{
    return matcher->wanted_kinds + (tail_is_wanted(matcher) ? 1 : 0);
}

/* Whether the rest of the current basis cannot hold anything more. */
static int matcher_idle(const Matcher *matcher)
{
    return matcher->expected == NONE && matcher->wanted_kinds == 0;
}

static size_t size_of(const Matcher *matcher, uint32_t block)
{
    return is_tail(matcher, block) ? matcher->tail : matcher->block_size;
}

/* The block whose place serves this block: itself, or another one of its kind; NONE when it was not found. */
static uint32_t find_source(const Matcher *matcher, uint32_t block)
{
    if (matcher->place_offset[block] != NOWHERE)
        return block;
    return is_tail(matcher, block) ? NONE : matcher->placed_block[matcher->table.kind_of_block[block]];
}

static void place(Matcher *matcher, uint32_t block, uint64_t offset)
{
    Table *table = &matcher->table;
    if (matcher->place_offset[block] != NOWHERE)
        return;
    matcher->place_basis[block] = matcher->basis;
    matcher->place_offset[block] = offset;
    if (is_tail(matcher, block))
        return;
    const uint32_t kind = table->kind_of_block[block];
    if (matcher->placed_block[kind] != NONE)
        return;
    matcher->placed_block[kind] = block;
    matcher->wanted_kinds--;
    table->wanted[table_find_weak(table, table->weak[kind] << table->weak_shift)]--;
}

/* Takes the block as found at `at`, expects the next one behind it, and returns where that would be. */
static size_t accept(Matcher *matcher, uint32_t block, size_t at)
{
    place(matcher, block, matcher->position + at);
    matcher->expected = block + 1 < matcher->blocks ? block + 1 : NONE;
    return at + size_of(matcher, block);
}

static int has_hashes(Matcher *matcher, const uint8_t *data, size_t length, uint32_t weak, const uint8_t *strong)
{
    if (weak_hash(&matcher->powers, data, length) >> matcher->table.weak_shift != weak)
        return 0;
    uint8_t digest[STRONG_MAX];
    strong_hash(data, length, digest);
    matcher->strong_hashes++;
    return memcmp(digest, strong, matcher->table.strong_bytes) == 0;
}

static int is_block(Matcher *matcher, uint32_t block, const uint8_t *data)
{
    const Table *table = &matcher->table;
    if (is_tail(matcher, block))
        return has_hashes(matcher, data, matcher->tail, matcher->tail_weak, matcher->tail_strong);
    const uint32_t kind = table->kind_of_block[block];
    const uint8_t *strong = table->strong + kind * table->strong_bytes;
    return has_hashes(matcher, data, matcher->block_size, table->weak[kind], strong);
}

/* Step 1: accepts expected blocks from `at` on. Returns where they end; what is left may be too short to tell. */
static size_t follow(Matcher *matcher, const uint8_t *data, size_t length, size_t at)
{
    while (matcher->expected != NONE && size_of(matcher, matcher->expected) <= length - at) {
        if (is_block(matcher, matcher->expected, data + at))
            at = accept(matcher, matcher->expected, at);
        else
            matcher->expected = NONE;
    }
    return at;
}

static int may_hash(const Matcher *matcher, size_t at)
{
    const uint64_t passed = matcher->travelled + at;
    return matcher->lookup_strong_hashes < STRONG_RESERVE_BLOCKS + passed / matcher->block_size * STRONG_BYTES_PER_BYTE;
}

/* Step 2: the wanted kind at `at`, or NONE. `hash` is the weak hash there. */
static uint32_t look_up(Matcher *matcher, const uint8_t *data, size_t at, uint32_t hash)
{
    const Table *table = &matcher->table;
    const uint32_t first = table_find_weak(table, hash);
    if (first == NONE || table->wanted[first] == 0) {
        matcher->unwanted = hash;
        return NONE;
    }
    if (!may_hash(matcher, at))
        return NONE;
    uint8_t digest[STRONG_MAX];
    strong_hash(data + at, matcher->block_size, digest);
    matcher->strong_hashes++;
    matcher->lookup_strong_hashes++;
    const uint32_t kind = table_find_strong(table, first, hash, digest);
    return kind != NONE && matcher->placed_block[kind] == NONE ? kind : NONE;
}

#define ROLL(hash, data, i) ((hash) = (hash) * WEAK_MULTIPLIER + (data)[(i) + size] - leave[(data)[(i)]])

/* Writes a candidate down at every offset and moves on if the filter lets it pass: without a branch, because a processor
 * could not foresee it. */
#define STEP(lane)                                          \
    noted##lane->step = (uint32_t)i;                        \
    noted##lane->hash = hash##lane;                         \
    noted##lane += FILTER_PASSES(filter, mask, hash##lane); \
    ROLL(hash##lane, data##lane, i);

/* Inlined, the loop over four lanes would share its registers with its callers and lose a third of its speed. */
#if defined(__GNUC__)
#define NOT_INLINED __attribute__((noinline))
#elif defined(_MSC_VER)
#define NOT_INLINED __declspec(noinline)
#else
#define NOT_INLINED
#endif

/* Rolls one hash over `steps` offsets, at most BATCH, and notes candidates. */
NOT_INLINED static void roll_one(Matcher *matcher, const uint8_t *data0, size_t steps)
{
    const uint32_t *const filter = matcher->table.filter, *const leave = matcher->leave;
    const uint32_t mask = matcher->table.filter_mask;
    const size_t size = matcher->block_size;
    Lane *lane = matcher->lanes;
    Candidate *noted0 = lane->noted;
    uint32_t hash0 = lane->hash;
    for (size_t i = 0; i < steps; i++) {
        STEP(0)
    }
    lane->hash = hash0;
    lane->noted_count = (size_t)(noted0 - lane->noted);
}

/* The same for four lanes that started `span` offsets from each other. */
NOT_INLINED static void roll_four(Matcher *matcher, const uint8_t *data0, size_t span, size_t steps)
{
    const uint32_t *const filter = matcher->table.filter, *const leave = matcher->leave;
    const uint32_t mask = matcher->table.filter_mask;
    const size_t size = matcher->block_size;
    const uint8_t *const data1 = data0 + span, *const data2 = data1 + span, *const data3 = data2 + span;
    Lane *lane = matcher->lanes;
    Candidate *noted0 = lane[0].noted, *noted1 = lane[1].noted, *noted2 = lane[2].noted, *noted3 = lane[3].noted;
    uint32_t hash0 = lane[0].hash, hash1 = lane[1].hash, hash2 = lane[2].hash, hash3 = lane[3].hash;
    for (size_t i = 0; i < steps; i++) {
        STEP(0)
        STEP(1)
        STEP(2)
        STEP(3)
    }
    lane[0].hash = hash0;
    lane[1].hash = hash1;
    lane[2].hash = hash2;
    lane[3].hash = hash3;
    lane[0].noted_count = (size_t)(noted0 - lane[0].noted);
    lane[1].noted_count = (size_t)(noted1 - lane[1].noted);
    lane[2].noted_count = (size_t)(noted2 - lane[2].noted);
    lane[3].noted_count = (size_t)(noted3 - lane[3].noted);
}

/* Keeps what of a lane's last batch passes the sieve, too. Returns whether the next batch fits. */
static int sift(const Matcher *matcher, Lane *lane, size_t batch_start)
{
    const Table table = matcher->table; /* a copy, because the compiler cannot know that what is kept does not change it */
    const uint64_t unwanted = matcher->unwanted;
    const size_t count = lane->noted_count;
    Candidate *kept = lane->kept + lane->kept_count;
    for (size_t i = 0; i < count; i++) {
        const uint32_t hash = lane->noted[i].hash;
        kept->step = lane->noted[i].step + (uint32_t)batch_start;
        kept->hash = hash;
        kept += sieve_passes(&table, hash) & (hash != unwanted);
    }
    lane->kept_count = (size_t)(kept - lane->kept);
    return lane->kept_count + BATCH < KEPT_MOST;
}

/* Rolls one lane, or four that start `span` offsets from each other, over `span` offsets each; over fewer when there are
 * too many candidates to keep. Returns how many. */
static size_t roll(Matcher *matcher, const uint8_t *data, size_t span, size_t lanes)
{
    size_t done = 0;
    int room = 1;
    for (size_t lane = 0; lane < lanes; lane++)
        matcher->lanes[lane].kept_count = 0;
    while (done < span && room) {
        const size_t steps = span - done < BATCH ? span - done : BATCH;
        if (lanes == 1)
            roll_one(matcher, data + done, steps);
        else
            roll_four(matcher, data + done, span, steps);
        for (size_t lane = 0; lane < lanes; lane++)
            room &= sift(matcher, &matcher->lanes[lane], done);
        done += steps;
    }
    return done;
}

/* What the four lanes are measured against: one hash rolled plainly, and every offset looked up on the spot. Returns at
 * how many offsets a block has that weak hash. Used by tests and benchmarks alone. */
static uint64_t roll_plainly(Matcher *matcher, const uint8_t *data, size_t length)
{
    const uint32_t *const filter = matcher->table.filter, *const leave = matcher->leave;
    const uint32_t mask = matcher->table.filter_mask;
    const size_t size = matcher->block_size;
    if (length < size)
        return 0;
    uint32_t hash = weak_hash(&matcher->powers, data, size);
    uint64_t found = 0;
    for (size_t i = 0;; i++) {
        if (FILTER_PASSES(filter, mask, hash) && sieve_passes(&matcher->table, hash))
            found += table_find_weak(&matcher->table, hash) != NONE;
        if (i == length - size)
            return found;
        ROLL(hash, data, i);
    }
}

/* Looks up the candidates of a lane that started at `start`. Returns the first kind found and sets `at` to its place,
 * or NONE. */
static uint32_t look_up_candidates(Matcher *matcher, const uint8_t *data, const Lane *lane, size_t start, size_t *at)
{
    for (size_t i = 0; i < lane->kept_count; i++) {
        const uint32_t kind = look_up(matcher, data, start + lane->kept[i].step, lane->kept[i].hash);
        if (kind != NONE) {
            *at = start + lane->kept[i].step;
            return kind;
        }
    }
    return NONE;
}

/* How many offsets each of four lanes should take, or 0 when one lane is better: while finds are near each other, what
 * the further lanes do is in vain. So together they never take more offsets than were passed since the last find. */
static size_t choose_span(const Matcher *matcher, size_t barren, size_t offsets)
{
    size_t span = barren < offsets ? barren / LANES : offsets / LANES;
    if (span > MOST_SPAN)
        span = MOST_SPAN;
    if (span > 2 * PAGE) /* Lanes at equal places of their pages would compete for the same lines of the cache. */
        span -= span % PAGE + PAGE - LINE;
    return span >= LEAST_SPAN && span >= matcher->block_size / 8 ? span : 0;
}

/* Steps 2 and 3: finds the first wanted block from `at` on. Returns its kind with `at` on it; or NONE with `at` on the
 * first offset at which too few bytes are left. There is at least one whole block to begin with. */
static uint32_t find_wanted(Matcher *matcher, const uint8_t *data, size_t length, size_t *at)
{
    const size_t size = matcher->block_size;
    const size_t last = length - size; /* the last offset; there is no byte behind it to roll on to */
    Lane *lane = matcher->lanes;
    size_t barren = 0;
    lane[0].hash = weak_hash(&matcher->powers, data + *at, size);
    while (*at < last) {
        const size_t offsets = last - *at;
        size_t span = choose_span(matcher, barren, offsets), lanes = LANES;
        if (span == 0) {
            span = offsets < size + LEAST_SPAN ? offsets : size + LEAST_SPAN;
            lanes = 1;
        }
        for (size_t i = 1; i < lanes; i++)
            lane[i].hash = weak_hash(&matcher->powers, data + *at + i * span, size);
        const size_t rolled = roll(matcher, data + *at, span, lanes);
        if (rolled < span) /* Only what the first lane did is without a gap. */
            lanes = 1;
        for (size_t i = 0; i < lanes; i++) {
            const uint32_t kind = look_up_candidates(matcher, data, &lane[i], *at + i * span, at);
            if (kind != NONE)
                return kind;
        }
        *at += lanes == 1 ? rolled : lanes * span;
        barren = rolled < span ? 0 : barren + lanes * span;
        lane[0].hash = lane[lanes - 1].hash;
    }
    const uint32_t kind = look_up(matcher, data, last, lane[0].hash);
    *at = kind == NONE ? last + 1 : last;
    return kind;
}

/* Searches a stretch of the current basis that starts at the current position. Returns how many of its bytes are done
 * with; the rest, less than a block, has to be given again with what follows it. */
static uint64_t matcher_scan(Matcher *matcher, const uint8_t *data, size_t length)
{
    size_t at = follow(matcher, data, length, 0);
    while (!matcher_idle(matcher) && length - at >= matcher->block_size) {
        const uint32_t kind = find_wanted(matcher, data, length, &at);
        if (kind == NONE)
            break;
        at = accept(matcher, matcher->table.first_block[kind], at);
        at = follow(matcher, data, length, at);
    }
    if (matcher_idle(matcher))
        at = length;
    matcher->position += at;
    matcher->travelled += at;
    return at;
}

/* Looks for the tail at the very end of a basis: `data` are its last bytes, as many as the tail has, at `offset`. */
static void matcher_end(Matcher *matcher, const uint8_t *data, uint64_t offset)
{
    if (tail_is_wanted(matcher) && is_block(matcher, matcher->blocks - 1, data))
        place(matcher, matcher->blocks - 1, offset);
}

/* One stretch of the target that was found in one piece, in bytes (`basis` is a number). */
typedef struct {
    uint64_t target, basis, offset, length;
} Run;

/* Lists what was found, merged where target and basis both go on, and returns the number of runs. `runs` may be NULL. */
static size_t matcher_runs(const Matcher *matcher, Run *runs)
{
    size_t count = 0;
    Run run = {0, 0, 0, 0};
    for (uint32_t block = 0; block < matcher->blocks; block++) {
        const uint32_t source = find_source(matcher, block);
        if (source == NONE)
            continue;
        const uint64_t target = (uint64_t)block * matcher->block_size;
        const uint64_t basis = matcher->place_basis[source], offset = matcher->place_offset[source];
        if (count == 0 || run.target + run.length != target || run.basis != basis || run.offset + run.length != offset) {
            count++;
            run = (Run){target, basis, offset, 0};
        }
        run.length += size_of(matcher, block);
        if (runs)
            runs[count - 1] = run;
    }
    return count;
}

#endif
