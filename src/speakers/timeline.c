/* timeline.c: blocks in a ring; see timeline.h. Pure but for the memory it was given at its beginning. */
#include "speakers/timeline.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define BLOCK_S   (SPEAKERS_BLOCK_MS / 1000.0)
#define PEOPLE    STENO_SPEAKERS_MAX
#define VOTES     (PEOPLE + 2) /* everybody, OTHER, UNKNOWN */
#define SLOT      TIMELINE_BLOCKS
#define NO_SPEECH 0.02f /* of weight that a labelled block has at least: words may lie beside what the VAD hears */

steno_err timeline_init(timeline *t) {
    memset(t, 0, sizeof *t);
    t->blocks = mem_alloc(TIMELINE_BLOCKS, sizeof *t->blocks);
    return t->blocks ? STENO_OK : err_fail(STENO_E_NOMEM, "cannot reserve a timeline of %d blocks", TIMELINE_BLOCKS);
}

void timeline_reset(timeline *t) {
    t->end = t->changed_first = t->changed_end = 0;
}

void timeline_free(timeline *t) {
    mem_free(t->blocks);
    memset(t, 0, sizeof *t);
}

static timeline_block *slot_of(const timeline *t, int64_t block) {
    return &t->blocks[block % SLOT];
}

static bool is_kept(const timeline *t, int64_t block) {
    return block >= 0 && block < t->end && block >= t->end - TIMELINE_BLOCKS;
}

static uint8_t to_byte(float share) {
    return share <= 0.0f ? 0 : share >= 1.0f ? 255 : (uint8_t)lroundf(share * 255.0f);
}

void timeline_append(timeline *t, int64_t block, float speech) {
    assert(block >= t->end);
    /* Who is silent for longer than all that is kept has nothing before. */
    if (block - t->end > TIMELINE_BLOCKS) t->end = block - TIMELINE_BLOCKS;
    for (; t->end < block; t->end++) *slot_of(t, t->end) = (timeline_block){SPEAKERS_SILENCE, 0, 0};
    int8_t speaker = speech > 0.0f ? SPEAKERS_UNKNOWN : SPEAKERS_SILENCE;
    *slot_of(t, t->end++) = (timeline_block){speaker, 0, to_byte(speech)};
}

static void note_change(timeline *t, int64_t block) {
    if (t->changed_first == t->changed_end) {
        t->changed_first = block;
        t->changed_end = block + 1;
        return;
    }
    if (block < t->changed_first) t->changed_first = block;
    if (block >= t->changed_end) t->changed_end = block + 1;
}

void timeline_set(timeline *t, int64_t block, int speaker, float margin) {
    if (!is_kept(t, block)) return;
    timeline_block *b = slot_of(t, block);
    /* A margin that grows may be what somebody waits for to be sure. */
    bool changed = b->speaker != speaker || to_byte(margin) > b->margin;
    b->speaker = (int8_t)speaker;
    b->margin = to_byte(margin);
    if (changed) note_change(t, block);
}

void timeline_rename(timeline *t, int from, int into) {
    int64_t first = t->end > TIMELINE_BLOCKS ? t->end - TIMELINE_BLOCKS : 0;
    if (from == into || from < 0) return;
    for (int64_t i = first; i < t->end; i++) {
        timeline_block *b = slot_of(t, i);
        if (b->speaker != from) continue;
        b->speaker = (int8_t)into;
        note_change(t, i);
    }
}

timeline_block timeline_at(const timeline *t, int64_t block) {
    if (is_kept(t, block)) return *slot_of(t, block);
    bool forgotten = block >= 0 && block < t->end;
    return (timeline_block){forgotten ? SPEAKERS_UNKNOWN : SPEAKERS_SILENCE, 0, 0};
}

void timeline_unchanged(timeline *t) {
    t->changed_first = t->changed_end = 0;
}

static int vote_of(int speaker) {
    return speaker >= 0 ? speaker : speaker == SPEAKERS_OTHER ? PEOPLE : PEOPLE + 1;
}

int timeline_who(const timeline *t, double start_s, double end_s, float *margin) {
    double weight[VOTES] = {0}, margins[VOTES] = {0};
    int64_t first = (int64_t)floor(start_s / BLOCK_S), last = (int64_t)ceil(end_s / BLOCK_S);
    if (first < t->end - TIMELINE_BLOCKS) first = t->end - TIMELINE_BLOCKS;
    if (first < 0) first = 0;
    if (last > t->end) last = t->end;
    for (int64_t i = first; i < last; i++) {
        const timeline_block *b = slot_of(t, i);
        if (b->speaker == SPEAKERS_SILENCE) continue;
        double overlap_s = fmin(end_s, (double)(i + 1) * BLOCK_S) - fmax(start_s, (double)i * BLOCK_S);
        double w = overlap_s * fmaxf((float)b->speech / 255.0f, NO_SPEECH);
        weight[vote_of(b->speaker)] += w;
        margins[vote_of(b->speaker)] += w * (double)b->margin / 255.0;
    }
    int best = PEOPLE + 1; /* nobody known has said more than the unknown */
    for (int i = 0; i <= PEOPLE; i++) {
        if (weight[i] > weight[best]) best = i;
    }
    if (margin) *margin = best == PEOPLE + 1 || weight[best] <= 0.0 ? 0.0f : (float)(margins[best] / weight[best]);
    return best == PEOPLE + 1 ? SPEAKERS_UNKNOWN : best == PEOPLE ? SPEAKERS_OTHER : best;
}
