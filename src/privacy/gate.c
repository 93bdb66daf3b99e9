/* gate.c: see gate.h. */
#include "privacy/gate.h"

#include "base/err.h"
#include "base/mem.h"

#include <string.h>

struct gate {
    gate_policy policy;
    gate_sink *sink;
    void *user;
    gate_counts counts;
};

steno_err gate_open(privacy *p, const gate_policy *policy, gate_sink *sink, void *user, gate **out) {
    (void)p;
    gate *g = mem_alloc(1, sizeof *g);
    if (!g) return err_fail(STENO_E_NOMEM, "no memory for a privacy gate");
    *g = (gate){.policy = *policy, .sink = sink, .user = user};
    *out = g;
    return STENO_OK;
}

void gate_free(gate *g) {
    mem_free(g);
}

const gate_policy *gate_get_policy(const gate *g) {
    return &g->policy;
}

void gate_set_policy(gate *g, const gate_policy *policy) {
    g->policy = *policy;
}

static released_segment as_it_is(const steno_segment *s) {
    return (released_segment){.id = s->id,
                              .rev = s->rev,
                              .stable_bytes = s->stable_bytes,
                              .end = s->end,
                              .start_s = s->start_s,
                              .end_s = s->end_s,
                              .confidence = s->confidence,
                              .looped = s->looped,
                              .text = s->text,
                              .words = s->words,
                              .n_words = s->n_words,
                              .speaker = s->speaker,
                              .speaker_margin = s->speaker_margin,
                              .speaker_fixed = s->speaker_fixed};
}

void gate_event(gate *g, const steno_event *draft, int64_t now_ms) {
    (void)now_ms;
    released_event e = {.kind = draft->kind,
                        .stream = draft->stream,
                        .user = draft->user,
                        .segment = as_it_is(&draft->segment),
                        .turns = draft->turns,
                        .n_turns = draft->n_turns,
                        .stats = draft->stats,
                        .partial_ms = draft->partial_ms,
                        .overloaded = draft->overloaded,
                        .heard_s = draft->heard_s,
                        .due_s = draft->due_s,
                        .done_s = draft->done_s,
                        .error = draft->error};
    memcpy(e.detail, draft->detail, sizeof e.detail);
    g->counts.segments += draft->kind == STENO_EVENT_SEGMENT;
    g->sink(g->user, &e);
}

int gate_wait_ms(const gate *g, int64_t now_ms) {
    (void)g;
    (void)now_ms;
    return -1;
}

void gate_tick(gate *g, int64_t now_ms) {
    (void)g;
    (void)now_ms;
}

void gate_get_counts(const gate *g, gate_counts *out) {
    *out = g->counts;
}
