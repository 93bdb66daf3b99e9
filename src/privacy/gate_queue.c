/* gate_queue.c: copies of events that wait. See gate_int.h. Places and their memory are kept, once made, for the next that wait. */
#include "privacy/gate_int.h"

#include "base/mem.h"

#include <string.h>

static gate_held **place(gate_queue *q, uint32_t i) {
    return &q->items[(q->first + i) % GATE_QUEUE_MAX];
}

/* Words, turns and text of the draft, one behind the other. */
static steno_err copy_draft(gate_held *h, const steno_event *d) {
    const steno_segment *s = &d->segment;
    size_t words = s->n_words * sizeof *s->words, turns = d->n_turns * sizeof *d->turns;
    size_t text = s->text ? strlen(s->text) : 0;
    ERR_TRY(gate_grow(&h->room, words + turns + text + 1));
    char *to = h->room.at;
    if (words) memcpy(to, s->words, words);
    if (turns) memcpy(to + words, d->turns, turns);
    if (text) memcpy(to + words + turns, s->text, text);
    to[words + turns + text] = '\0';
    h->event = *d;
    h->event.owned = NULL;
    h->event.segment.words = (const steno_word *)(void *)to;
    h->event.turns = (const steno_turn *)(void *)(to + words);
    h->event.segment.text = to + words + turns;
    return STENO_OK;
}

steno_err gate_queue_push(gate_queue *q, const steno_event *draft, int64_t now_ms, gate_held **out) {
    if (q->n == GATE_QUEUE_MAX) return err_fail(STENO_E_LIMIT, "%d events wait in a privacy gate", GATE_QUEUE_MAX);
    gate_held **to = place(q, q->n);
    if (!*to) *to = mem_alloc(1, sizeof **to);
    if (!*to) return err_fail(STENO_E_NOMEM, "no memory for an event that waits in a privacy gate");
    gate_held *h = *to;
    if (h->room.bytes > GATE_ROOM_MAX_BYTES) {
        mem_free(h->room.at);
        h->room = (gate_room){0};
    }
    *h = (gate_held){.room = h->room, .since_ms = now_ms};
    ERR_TRY(copy_draft(h, draft));
    q->n++;
    q->finals += draft->kind == STENO_EVENT_SEGMENT;
    if (out) *out = h;
    return STENO_OK;
}

void gate_queue_make_member(gate_queue *q, gate_held *h, size_t at, size_t n) {
    h->member = true;
    h->at = at;
    h->n = n;
    q->members++;
}

gate_held *gate_queue_head(const gate_queue *q) {
    return q->n ? q->items[q->first] : NULL;
}

gate_held *gate_queue_pop(gate_queue *q) {
    gate_held *h = gate_queue_head(q);
    if (!h) return NULL;
    q->first = (q->first + 1) % GATE_QUEUE_MAX;
    q->n--;
    q->members -= h->member;
    q->finals -= h->event.kind == STENO_EVENT_SEGMENT;
    if (q->n == 0) q->first = 0; /* the same few places serve all the time */
    return h;
}

static uint32_t partial_place(const gate_queue *q) {
    uint32_t i = 0;
    while (i < q->n && q->items[(q->first + i) % GATE_QUEUE_MAX]->event.kind != STENO_EVENT_PARTIAL) i++;
    return i;
}

gate_held *gate_queue_partial(const gate_queue *q) {
    uint32_t i = partial_place(q);
    return i < q->n ? q->items[(q->first + i) % GATE_QUEUE_MAX] : NULL;
}

void gate_queue_drop_partial(gate_queue *q) {
    uint32_t i = partial_place(q);
    if (i == q->n) return;
    gate_held *gone = *place(q, i);
    for (; i + 1 < q->n; i++) *place(q, i) = *place(q, i + 1);
    *place(q, i) = gone;
    q->n--;
}

void gate_queue_free(gate_queue *q) {
    for (uint32_t i = 0; i < GATE_QUEUE_MAX; i++) {
        if (q->items[i]) mem_free(q->items[i]->room.at);
        mem_free(q->items[i]);
    }
}
