/* gate_begun.c: utterances that began before the finals of those before them came. See gate_int.h. */
#include "privacy/gate_int.h"

#include <string.h>

/* Finals come in the order of their ids; an utterance that held no words has none. */
static void drop_up_to(gate_begun *b, uint32_t id) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < b->n; i++)
        if (b->of[i].id > id) b->of[kept++] = b->of[i];
    b->n = kept;
}

void gate_begun_note(gate_begun *b, const steno_event *d) {
    const steno_segment *s = &d->segment;
    bool partial = d->kind == STENO_EVENT_PARTIAL;
    if (d->kind == STENO_EVENT_SEGMENT) drop_up_to(b, s->id);
    if (d->kind != STENO_EVENT_SPEECH && !partial) return;
    for (uint32_t i = 0; i < b->n; i++) {
        if (b->of[i].id != s->id) continue;
        b->of[i].worded |= partial;
        return;
    }
    if (b->n == GATE_BEGUN_MAX) return;
    b->of[b->n].id = s->id;
    b->of[b->n].start_s = s->start_s;
    b->of[b->n++].worded = partial;
}

bool gate_begun_behind(const gate_begun *b, uint32_t id, uint32_t *next, double *start_s) {
    bool any = false;
    for (uint32_t i = 0; i < b->n; i++) {
        if (b->of[i].id <= id || (any && b->of[i].id > *next)) continue;
        any = true;
        *next = b->of[i].id;
        *start_s = b->of[i].start_s;
    }
    return any;
}

bool gate_begun_before(const gate_begun *b, uint32_t id) {
    for (uint32_t i = 0; i < b->n; i++)
        if (b->of[i].worded && b->of[i].id < id) return true;
    return false;
}
