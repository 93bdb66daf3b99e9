/* trace_track.c: what happens to one live stream or recording, as spans. See trace.h. Owner: the network thread.
 *
 * Times are those at which this thread learns of it: a recording's "decode" is the life of its decoder, in which the engine already
 * hears what came; "recognition" is the life of its streams on the engine.
 */
#include "api/trace_int.h"

#include "base/mem.h"
#include "privacy/released.h"

struct trace_track {
    tracer *owner;
    trace_link parent;
    int64_t opened_ns, turn_ns, hears_ns, first_ns, holds_ns; /* 0: not yet, or not now */
    int64_t finals_ns[TRACE_FINALS_MAX];
    uint64_t partials, finals, holds;
};

trace_track *trace_track_open(tracer *t, const trace_link *parent) {
    trace_track *k = parent->recorded ? mem_alloc(1, sizeof *k) : NULL;
    if (k) *k = (trace_track){.owner = t, .parent = *parent, .opened_ns = trace_now_ns()};
    return k;
}

void trace_track_turn(trace_track *k) {
    if (!k || k->turn_ns) return;
    k->turn_ns = trace_now_ns();
    trace_child(k->owner, &k->parent, "queue", k->opened_ns, k->turn_ns, NULL);
}

void trace_track_read(trace_track *k, double media_cpu_s) {
    if (!k || !k->turn_ns) return;
    trace_child(k->owner, &k->parent, "decode", k->turn_ns, trace_now_ns(),
                TRACE_ATTRIBUTES(TRACE_REAL("steno.media.cpu_s", media_cpu_s)));
    k->turn_ns = 0;
}

void trace_track_hears(trace_track *k) {
    if (k && !k->hears_ns) k->hears_ns = trace_now_ns();
}

void trace_track_words(trace_track *k, bool final) {
    if (!k) return;
    int64_t now_ns = trace_now_ns();
    if (!k->first_ns) k->first_ns = now_ns;
    if (final && k->finals < TRACE_FINALS_MAX) k->finals_ns[k->finals] = now_ns;
    if (final)
        k->finals++;
    else
        k->partials++;
}

void trace_track_holds(trace_track *k, bool holds) {
    if (!k || holds == (k->holds_ns != 0)) return;
    int64_t now_ns = trace_now_ns();
    if (holds) {
        k->holds_ns = now_ns;
        k->holds++;
        return;
    }
    trace_child(k->owner, &k->parent, "gate hold", k->holds_ns, now_ns, NULL);
    k->holds_ns = 0;
}

/* The first text, and the finals up to a number of them. */
static uint32_t list_events(const trace_track *k, trace_event events[TRACE_FINALS_MAX + 1]) {
    uint32_t n = 0;
    if (k->first_ns) events[n++] = (trace_event){.name = "first_text", .at_ns = k->first_ns};
    for (uint32_t i = 0; i < k->finals && i < TRACE_FINALS_MAX; i++)
        events[n++] =
            (trace_event){.name = "final", .count_name = "steno.finals", .at_ns = k->finals_ns[i], .count = i + 1};
    return n;
}

void trace_track_heard(trace_track *k, const trace_heard *h) {
    trace_event events[TRACE_FINALS_MAX + 1];
    if (!k || !k->hears_ns) return;
    trace_track_holds(k, false);
    bool failed = h->error != STENO_OK;
    trace_span s = {.at = k->parent,
                    .parent = k->parent.span,
                    .name = "recognition",
                    .kind = TRACE_INTERNAL,
                    .begin_ns = k->hears_ns,
                    .end_ns = trace_now_ns(),
                    .attributes = TRACE_ATTRIBUTES(
                        TRACE_STR("steno.model", h->model), TRACE_STR("steno.language", h->language),
                        TRACE_STR("steno.outcome", h->cancelled ? "cancelled"
                                                   : failed     ? "failed"
                                                                : "done"),
                        TRACE_STR("error.type", failed ? steno_err_name(h->error) : NULL),
                        TRACE_REAL("steno.audio_s", h->audio_s), TRACE_REAL("steno.speech_s", h->speech_s),
                        TRACE_INT("steno.channels", h->channels), TRACE_INT("steno.partials", k->partials),
                        TRACE_INT("steno.finals", k->finals), TRACE_INT("steno.gate_holds", k->holds)),
                    .events = events,
                    .dropped_events = k->finals > TRACE_FINALS_MAX ? (uint32_t)(k->finals - TRACE_FINALS_MAX) : 0,
                    .failed = failed};
    s.n_events = list_events(k, events);
    k->hears_ns = 0;
    if (trace_random(s.at.span, sizeof s.at.span)) trace_put(k->owner, &s);
}

void trace_track_event(trace_track *k, const released_event *e) {
    bool final = e->kind == STENO_EVENT_SEGMENT;
    if (k && (final || e->kind == STENO_EVENT_PARTIAL) && e->segment.text && e->segment.text[0])
        trace_track_words(k, final);
}

void trace_track_close(trace_track *k) {
    trace_track_holds(k, false);
    mem_free(k);
}
