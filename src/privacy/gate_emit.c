/* gate_emit.c: what leaves a gate. See gate_int.h. Nothing is handed on once the gate was freed by whom it hands to. */
#include "privacy/gate_int.h"

#include "base/mem.h"

#include <string.h>

/* ---- events ----------------------------------------------------------------------------------------------------- */

static void hand_on(gate *g, const steno_event *d, steno_event_kind kind, const released_segment *s) {
    if (g->dead) return;
    released_event e = {.kind = kind,
                        .stream = d->stream,
                        .user = d->user,
                        .segment = *s,
                        .turns = d->turns,
                        .n_turns = d->n_turns,
                        .stats = d->stats,
                        .partial_ms = d->partial_ms,
                        .overloaded = d->overloaded,
                        .heard_s = d->heard_s,
                        .due_s = d->due_s,
                        .done_s = d->done_s,
                        .error = d->error};
    memcpy(e.detail, d->detail, sizeof e.detail);
    g->sink(g->user, &e);
}

static bool has_words(steno_event_kind kind) {
    return kind == STENO_EVENT_SEGMENT || kind == STENO_EVENT_PARTIAL;
}

static bool has_maps(const gate *g) {
    return g->labels.maps_end > 0 || g->labels.forgot;
}

/* Labels of a message, as its words were shown. */
static void put_labels(gate *g, const steno_event *d) {
    released_segment s = gate_as_it_is(&d->segment);
    uint32_t rev_add;
    if (gate_grow(&g->words, s.n_words * sizeof(steno_word)) != STENO_OK) return;
    if (!gate_labels_apply(&g->labels, &d->segment, g->words.at, &s.n_words, &rev_add)) return;
    s.words = g->words.at;
    s.rev += rev_add;
    hand_on(g, d, d->kind, &s);
}

void gate_pass(gate *g, const steno_event *d) {
    released_segment s = gate_as_it_is(&d->segment);
    if (d->kind == STENO_EVENT_SPEAKERS && has_maps(g)) { /* of what was said under another policy */
        put_labels(g, d);
        return;
    }
    g->counts.segments += d->kind == STENO_EVENT_SEGMENT;
    hand_on(g, d, d->kind, &s);
}

void gate_put_other(gate *g, const steno_event *d) {
    released_segment s = gate_as_it_is(&d->segment);
    if (d->kind == STENO_EVENT_SPEAKERS && has_maps(g)) {
        put_labels(g, d);
        return;
    }
    if (!has_words(d->kind)) hand_on(g, d, d->kind, &s);
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

static void count(gate *g, const released_segment *s) {
    g->counts.segments++;
    for (uint32_t i = 0; i < s->n_entities; i++) g->counts.entities[s->entities[i].type]++;
}

void gate_put_final(gate *g, const steno_event *d, const gate_view *v, uint32_t rev_add) {
    released_segment s;
    if (g->dead) return;
    if (!v || gate_compose(g, &d->segment, v, &s) != STENO_OK) gate_withhold(g, &d->segment, &s);
    if (v && s.text == g->text.at)
        gate_labels_note(&g->labels, s.id, rev_add, g->merges.at, g->n_merges);
    else
        gate_labels_note(&g->labels, s.id, rev_add, &(gate_merge){0, (uint16_t)d->segment.n_words},
                         d->segment.n_words > 1);
    s.rev += rev_add;
    count(g, &s);
    if (g->has_shown && g->shown_id == s.id) g->has_shown = false;
    hand_on(g, d, STENO_EVENT_SEGMENT, &s);
}

/* A partial of which nothing may be shown is not said, but to take back what was shown. */
bool gate_put_partial(gate *g, const steno_event *d, const gate_view *v) {
    released_segment s;
    bool shown = g->has_shown && g->shown_id == d->segment.id;
    if (g->dead || (v->shown == 0 && !shown)) return false;
    if (gate_compose(g, &d->segment, v, &s) != STENO_OK) return false;
    s.end = STENO_END_NONE;
    g->has_shown = true;
    g->shown_id = s.id;
    g->shown_bytes = v->shown;
    hand_on(g, d, STENO_EVENT_PARTIAL, &s);
    return true;
}
