/* gate_labels.c: SPEAKERS events, whose labels are of the draft's words. See gate_int.h.
 *
 * Only messages whose words were merged, or whose revs were shifted, are remembered: in two rings that grow to their limits and then
 * forget the oldest. A revision of a message that may have been forgotten is not handed on.
 */
#include "privacy/gate_int.h"

#include "base/mem.h"

static gate_map *map_at(const gate_labels *l, uint64_t i) {
    gate_map *maps = l->maps.at;
    return &maps[i % GATE_MAPS_MAX];
}

static gate_merge *merge_at(const gate_labels *l, uint64_t i) {
    gate_merge *merges = l->merges.at;
    return &merges[i % GATE_MERGES_MAX];
}

static uint64_t at_most(uint64_t n, uint64_t limit) {
    return n < limit ? n : limit;
}

static void forget(gate_labels *l, uint32_t id) {
    if (!l->forgot || id > l->forgotten) l->forgotten = id;
    l->forgot = true;
}

static void forget_oldest(gate_labels *l) {
    while (l->maps_first < l->maps_end) {
        bool full = l->maps_end - l->maps_first == GATE_MAPS_MAX;
        bool overwritten = map_at(l, l->maps_first)->merges + GATE_MERGES_MAX < l->merges_end;
        if (!full && !overwritten) return;
        forget(l, map_at(l, l->maps_first++)->id);
    }
}

void gate_labels_note(gate_labels *l, uint32_t id, uint32_t rev_add, const gate_merge *merges, uint32_t n) {
    if (n == 0 && rev_add == 0) return;
    if (n > GATE_MERGES_MAX || gate_grow(&l->maps, at_most(l->maps_end + 1, GATE_MAPS_MAX) * sizeof(gate_map)) ||
        gate_grow(&l->merges, at_most(l->merges_end + n, GATE_MERGES_MAX) * sizeof(gate_merge))) {
        forget(l, id);
        return;
    }
    gate_map map = {.id = id, .rev_add = rev_add, .n_merges = n, .merges = l->merges_end};
    for (uint32_t i = 0; i < n; i++) *merge_at(l, l->merges_end++) = merges[i];
    forget_oldest(l);
    *map_at(l, l->maps_end++) = map;
}

/* Messages come in the order of their ids. */
static const gate_map *find(const gate_labels *l, uint32_t id) {
    uint64_t low = l->maps_first, high = l->maps_end;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (map_at(l, middle)->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < l->maps_end && map_at(l, low)->id == id ? map_at(l, low) : NULL;
}

bool gate_labels_apply(const gate_labels *l, const steno_segment *s, steno_word *words, uint32_t *n,
                       uint32_t *rev_add) {
    const gate_map *map = find(l, s->id);
    uint32_t next = 0, at = 0;
    *n = *rev_add = 0;
    if (!map && l->forgot && s->id <= l->forgotten) return false;
    while (at < s->n_words) {
        uint32_t together = 1;
        if (map && next < map->n_merges && merge_at(l, map->merges + next)->first == at)
            together = merge_at(l, map->merges + next++)->n;
        if (together > s->n_words - at) together = s->n_words - at;
        words[(*n)++] = gate_one_word(s->words + at, together);
        at += together;
    }
    if (map) *rev_add = map->rev_add;
    return true;
}

void gate_labels_free(gate_labels *l) {
    mem_free(l->maps.at);
    mem_free(l->merges.at);
}
