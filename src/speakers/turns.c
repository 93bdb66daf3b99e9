/* turns.c: see turns.h. */
#include "speakers/turns.h"

#include <string.h>

#define BLOCK_S (SPEAKERS_BLOCK_MS / 1000.0)
#define PEOPLE  (STENO_SPEAKERS_MAX + 2) /* everybody, OTHER, UNKNOWN */

static int index_of(int speaker) {
    return speaker >= 0 ? speaker : speaker == SPEAKERS_OTHER ? PEOPLE - 2 : PEOPLE - 1;
}

static int speaker_of(int index) {
    return index == PEOPLE - 1 ? SPEAKERS_UNKNOWN : index == PEOPLE - 2 ? SPEAKERS_OTHER : index;
}

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

static void sort(steno_turn *turns, int n) {
    for (int i = 1; i < n; i++) {
        steno_turn x = turns[i];
        int k = i;
        for (; k > 0 && turns[k - 1].start_s > x.start_s; k--) turns[k] = turns[k - 1];
        turns[k] = x;
    }
}

int turns_of(const timeline *t, int64_t *from, int64_t end, steno_turn *out, int cap) {
    double start[PEOPLE];
    bool open[PEOPLE] = {false};
    int n = 0, opened = 0;
    int64_t b = *from;
    for (; b < end && n + opened + 2 <= cap; b++) {
        bool speaks[PEOPLE] = {false};
        timeline_block at = timeline_at(t, b);
        if (at.speaker != SPEAKERS_SILENCE) speaks[index_of(at.speaker)] = true;
        if (at.second != SPEAKERS_SILENCE) speaks[index_of(at.second)] = true;
        for (int i = 0; i < PEOPLE; i++) {
            if (open[i] && !speaks[i]) {
                out[n++] = (steno_turn){start[i], end_s(t, b - 1, start[i]), speaker_of(i)};
                opened--;
            } else if (!open[i] && speaks[i]) {
                start[i] = begin_s(t, b);
                opened++;
            }
            open[i] = speaks[i];
        }
    }
    for (int i = 0; i < PEOPLE; i++) {
        if (open[i]) out[n++] = (steno_turn){start[i], end_s(t, b - 1, start[i]), speaker_of(i)};
    }
    sort(out, n);
    *from = b;
    return n;
}
