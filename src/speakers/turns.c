/* turns.c: see turns.h. */
#include "speakers/turns.h"

#define BLOCK_S (SPEAKERS_BLOCK_MS / 1000.0)

static bool is_silent(const timeline *t, int64_t block) {
    return timeline_at(t, block).speaker == SPEAKERS_SILENCE;
}

/* When speech begins in a block: it fills the block's end if silence is before it. */
static double begin_s(const timeline *t, int64_t block) {
    double idle = is_silent(t, block - 1) ? 1.0 - timeline_at(t, block).speech / 255.0 : 0.0;
    return ((double)block + idle) * BLOCK_S;
}

/* When it ends in a block that begins no later than start_s. */
static double end_s(const timeline *t, int64_t block, double start_s) {
    double idle = is_silent(t, block + 1) ? 1.0 - timeline_at(t, block).speech / 255.0 : 0.0;
    double end = ((double)(block + 1) - idle) * BLOCK_S;
    return end > start_s ? end : (double)(block + 1) * BLOCK_S; /* a block on its own: its end */
}

int turns_of(const timeline *t, int64_t *from, int64_t end, steno_turn *out, int cap) {
    int who = SPEAKERS_SILENCE, n = 0;
    double start_s = 0.0;
    int64_t b = *from;
    for (; b < end && n + 2 <= cap; b++) {
        int next = timeline_at(t, b).speaker;
        if (next == who) continue;
        if (who != SPEAKERS_SILENCE) out[n++] = (steno_turn){start_s, end_s(t, b - 1, start_s), who};
        if (next != SPEAKERS_SILENCE) start_s = begin_s(t, b);
        who = next;
    }
    if (who != SPEAKERS_SILENCE) out[n++] = (steno_turn){start_s, end_s(t, b - 1, start_s), who};
    *from = b;
    return n;
}
