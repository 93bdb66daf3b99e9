/* shadow_tap.c: copies of streams, and what both sides said of them: see shadow.h.
 *
 * A tap belongs to the users' stream, and outlives it until the shadow has said its last word. It copies from some point on until its end or
 * until it is dropped; when the shadow is through with that, and there is rest again, it copies on from where the stream is then. Drafts are held in the
 * pairer (A's texts here, the others' from the carrier) until their pair is whole.
 */
#include "api/shadow_tap.h"

#include "api/service_int.h"
#include "api/shadow_int.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define BEHIND_MS 10000 /* a final in the shadow that comes later ends its copy */
#define AGAIN_S   2.0   /* of audio pass between tries to copy on */

/* What a tap has while it copies. */
typedef struct copy {
    shadow_pairer pairer;
    shadow_review review;
    shadow_pair pair;
    double from_s;
    bool cut; /* it was dropped: not all that was copied was heard */
} copy;

struct shadow_tap {
    shadow *shadow;
    shadow_tap *prev, *next;
    const engine_slot *slot; /* of the users' stream; only compared */
    bool wanted[SHADOW_SIDES];
    int lane[SHADOW_SIDES]; /* -1: none */
    carrier_stream how;
    bool live, copying, over, closed; /* over: the users' engine has said its last word */
    shadow_reason why;                /* it does not copy */
    double heard_s, tried_s;          /* of the users' stream */
    copy *copy;                       /* NULL: nothing is under way */
    shadow_unit unit;
    char owner[SHADOW_OWNER_BYTES];
};

const char *shadow_tap_owner(const shadow_tap *t) {
    return t->owner;
}

bool shadow_tap_live(const shadow_tap *t) {
    return t->live;
}

/* ---- which streams --------------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t x) { /* splitmix64 */
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Two independent draws a stream: whether it is copied, and to whom. */
static bool choose(shadow *s, bool wanted[SHADOW_SIDES]) {
    uint64_t draw = mix(mix((uint64_t)s->config.seed) ^ s->ordinal++);
    if ((int)(draw % 100) >= s->config.percent) return false;
    bool again = (int)(draw / 100 % 100) < s->config.floor_percent;
    wanted[SHADOW_AGAIN] = again;
    wanted[SHADOW_B] = !again;
    wanted[SHADOW_REFEREE] = !again && s->about.name[SHADOW_REFEREE][0];
    return true;
}

/* ---- life ----------------------------------------------------------------------------------------------------------- */

shadow_tap *shadow_tap_open(shadow *s, const engine_slot *slot, const shadow_stream *of) {
    bool wanted[SHADOW_SIDES] = {false};
    if (!s || s->stopped || !s->setup || !choose(s, wanted)) return NULL;
    shadow_tap *t = mem_alloc(1, sizeof *t);
    if (!t) return NULL;
    *t = (shadow_tap){.shadow = s,
                      .next = s->taps,
                      .slot = slot,
                      .live = of->live != NULL,
                      .how.live = of->live != NULL,
                      .why = s->loaded ? SHADOW_FOR_LOAD : SHADOW_FOR_ROOM,
                      .tried_s = -AGAIN_S};
    memcpy(t->wanted, wanted, sizeof wanted);
    for (int k = 0; k < SHADOW_SIDES; k++) t->lane[k] = -1;
    if (of->live) t->how.live_options = *of->live;
    if (of->live) t->how.live_options.partial_ms = 0; /* nobody would see them */
    if (of->vad) t->how.vad = *of->vad;
    snprintf(t->owner, sizeof t->owner, "%s", of->owner);
    if (t->next) t->next->prev = t;
    s->taps = t;
    return t;
}

static void free_copy(shadow_tap *t) {
    if (t->copy) shadow_pairer_free(&t->copy->pairer);
    mem_free(t->copy);
    t->copy = NULL;
}

static void free_tap(shadow_tap *t) {
    shadow *s = t->shadow;
    if (!s->stopped) shadow_count_stream(&s->counts, &t->unit);
    if (t->unit.pairs > 0) s->changed = true;
    if (t->prev)
        t->prev->next = t->next;
    else
        s->taps = t->next;
    if (t->next) t->next->prev = t->prev;
    free_copy(t);
    mem_free(t);
}

/* ---- pairs ---------------------------------------------------------------------------------------------------------- */

static void count_pair(shadow_tap *t) {
    shadow *s = t->shadow;
    copy *c = t->copy;
    shadow_difference d;
    double words[SHADOW_SIDES], edits[SHADOW_SIDES];
    for (int k = 0; k < SHADOW_SIDES; k++) {
        words[k] = s->counts.with[k].all.words;
        edits[k] = s->counts.with[k].all.edits;
    }
    if (!shadow_count(&s->counts, &t->unit, &c->pair, s->meter, &d)) {
        s->pairs_lost++;
        return;
    }
    shadow_minute *m = shadow_minute_now(s);
    for (int k = 0; k < SHADOW_SIDES; k++) {
        m->words[k] += s->counts.with[k].all.words - words[k];
        m->edits[k] += s->counts.with[k].all.edits - edits[k];
    }
    s->changed = true;
    if (c->pair.side[SHADOW_B].heard) shadow_review_pair(s, t, &c->review, &c->pair, &d);
}

static bool lanes_busy(const shadow_tap *t) {
    for (int k = 0; k < SHADOW_SIDES; k++) {
        if (t->lane[k] >= 0) return true;
    }
    return false;
}

/* Pairs that are whole now; and the end of the copy, or of the tap, if this was the last of it. */
static void move_on(shadow_tap *t) {
    copy *c = t->copy;
    while (c && shadow_pairer_next(&c->pairer, &c->pair)) count_pair(t);
    if (c && !t->copying && !lanes_busy(t) && (t->over || c->pairer.reached_s[SHADOW_A] >= c->pairer.until_s)) {
        shadow_review_end(t->shadow, t, &c->review);
        free_copy(t);
    }
    if (t->closed && !t->copy && !lanes_busy(t)) free_tap(t);
}

/* ---- copies --------------------------------------------------------------------------------------------------------- */

static void take_lanes(shadow_tap *t) {
    shadow *s = t->shadow;
    for (int k = 0; k < SHADOW_SIDES; k++) {
        if (!t->wanted[k]) continue;
        t->lane[k] = carrier_lane(shadow_carrier(s), (shadow_side)k, &t->how);
        if (t->lane[k] >= 0) s->of_lane[t->lane[k]] = t;
    }
}

static void end_copy(shadow_tap *t, bool drop) {
    t->copying = false;
    t->copy->cut = drop;
    for (int k = 0; k < SHADOW_SIDES; k++) {
        if (t->lane[k] < 0) continue;
        if (drop)
            carrier_drop(shadow_carrier(t->shadow), t->lane[k]);
        else
            carrier_finish(shadow_carrier(t->shadow), t->lane[k]);
    }
}

static void drop(shadow_tap *t, shadow_reason why) {
    if (!t->copying) return;
    t->why = why;
    t->shadow->dropped_streams[why]++;
    t->shadow->changed = true;
    shadow_pairer_until(&t->copy->pairer, t->heard_s);
    end_copy(t, why != SHADOW_FOR_QUEUE); /* what is in the queue may be heard in its own time */
}

static bool all_lanes(const shadow_tap *t) {
    for (int k = 0; k < SHADOW_SIDES; k++) {
        if (t->wanted[k] && t->lane[k] < 0) return false;
    }
    return true;
}

/* All sides or none. */
static void begin(shadow_tap *t) {
    shadow *s = t->shadow;
    bool heard[SHADOW_SIDES];
    bool again = t->heard_s > 0;
    t->copy = mem_alloc(1, sizeof *t->copy);
    if (!t->copy) return;
    memcpy(heard, t->wanted, sizeof heard);
    heard[SHADOW_A] = true;
    shadow_pairer_init(&t->copy->pairer, heard, t->heard_s);
    t->copy->from_s = t->heard_s;
    take_lanes(t);
    if (all_lanes(t)) {
        t->copying = true;
        if (!again) s->copied_streams++;
        return;
    }
    if (!again) s->dropped_streams[SHADOW_FOR_ROOM]++;
    t->why = SHADOW_FOR_ROOM;
    if (!lanes_busy(t)) {
        free_copy(t);
        return;
    }
    shadow_pairer_until(&t->copy->pairer, t->heard_s);
    end_copy(t, true);
}

static bool may_begin(const shadow_tap *t) {
    const shadow *s = t->shadow;
    return s->setup && !s->loaded && !t->copy && !lanes_busy(t) && !t->over && t->slot == s->service->slots;
}

void shadow_tap_audio(shadow_tap *t, const float *samples, size_t n) {
    if (!t || t->shadow->stopped) return;
    shadow *s = t->shadow;
    double took_s = (double)n / STENO_SAMPLE_RATE_HZ;
    if (!t->copying && t->heard_s >= t->tried_s + AGAIN_S) {
        t->tried_s = t->heard_s;
        if (s->loaded) t->why = SHADOW_FOR_LOAD;
        if (may_begin(t)) begin(t);
    }
    for (int k = 0; t->copying && k < SHADOW_SIDES; k++) {
        if (t->lane[k] >= 0 && !carrier_audio(shadow_carrier(s), t->lane[k], samples, n)) drop(t, SHADOW_FOR_QUEUE);
    }
    t->heard_s += took_s;
    shadow_minute *m = shadow_minute_now(s);
    if (t->copying) {
        s->copied_s += took_s;
        m->copied_s += took_s;
    } else {
        s->dropped_s[t->why] += took_s;
        m->dropped_s += took_s;
    }
    s->changed = true;
}

void shadow_drop_all(shadow *s, shadow_reason why) {
    for (shadow_tap *t = s->taps; t; t = t->next) drop(t, why);
}

void shadow_end_units(shadow *s) {
    for (shadow_tap *t = s->taps; t; t = t->next) {
        shadow_count_stream(&s->counts, &t->unit);
        t->unit = (shadow_unit){0};
    }
}

void shadow_forget_lanes(shadow *s, shadow_reason why) {
    for (shadow_tap *t = s->taps, *next; t; t = next) {
        next = t->next;
        drop(t, why);
        for (int k = 0; k < SHADOW_SIDES; k++) {
            if (t->lane[k] >= 0) shadow_pairer_ended(&t->copy->pairer, (shadow_side)k);
            t->lane[k] = -1;
        }
        if (t->copy) shadow_pairer_until(&t->copy->pairer, 0); /* what they had not said yet nobody will say */
        t->why = why;
        move_on(t);
    }
    memset(s->of_lane, 0, sizeof s->of_lane);
}

/* ---- what is said ---------------------------------------------------------------------------------------------------- */

static void count_quality(shadow *s, shadow_side side, const shadow_final *f, double latency_ms) {
    size_t n = strlen(f->text);
    quality_sample q = {.speech_s = f->speech_s,
                        .empty = n == 0,
                        .confidence = f->confidence,
                        .looped = f->looped,
                        .latency_ms = latency_ms};
    if (n) text_measure(s->meter, f->text, n, &q.text);
    monitor_utterance(s->monitor, s->series[side], &q);
}

static void take_final(shadow_tap *t, shadow_side side, const shadow_final *f, double latency_ms) {
    count_quality(t->shadow, side, f, latency_ms);
    if (!shadow_pairer_final(&t->copy->pairer, side, f)) drop(t, SHADOW_FOR_BEHIND);
}

static double monotonic_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void users_final(shadow_tap *t, const steno_event *e) {
    const steno_segment *s = &e->segment;
    shadow_final f = {.start_s = e->speech_start_s < s->start_s ? e->speech_start_s : s->start_s,
                      .end_s = e->speech_end_s > s->end_s ? e->speech_end_s : s->end_s,
                      .speech_s = e->speech_end_s - e->speech_start_s,
                      .confidence = (double)s->confidence,
                      .looped = s->looped,
                      .text = s->text};
    take_final(t, SHADOW_A, &f, t->live ? (monotonic_s() - e->due_s) * 1000 : -1);
}

void shadow_tap_event(shadow_tap *t, const steno_event *e) {
    if (!t || t->shadow->stopped) return;
    if (e->kind == STENO_EVENT_SEGMENT && t->copy) users_final(t, e);
    if (e->kind == STENO_EVENT_DONE) {
        t->over = true;
        if (t->copying) end_copy(t, false);
        if (t->copy) shadow_pairer_ended(&t->copy->pairer, SHADOW_A);
    }
    move_on(t);
}

/* A stream that was cut off: what its engine had not said yet is compared with nothing. */
void shadow_tap_close(shadow_tap *t) {
    if (!t) return;
    t->closed = true;
    if (!t->over && t->copy) {
        shadow_pairer_until(&t->copy->pairer, t->copy->pairer.reached_s[SHADOW_A]);
        shadow_pairer_ended(&t->copy->pairer, SHADOW_A);
    }
    t->over = true;
    if (t->copying) end_copy(t, true);
    move_on(t);
}

static void lane_ended(shadow_tap *t, const carrier_result *r) {
    shadow *s = t->shadow;
    shadow_reason why = r->error == STENO_E_AGAIN || r->error == STENO_E_LIMIT ? SHADOW_FOR_BEHIND : SHADOW_FOR_ENGINE;
    t->lane[r->side] = -1;
    s->of_lane[r->lane] = NULL;
    s->use[r->side].heard_s += r->heard_s;
    s->use[r->side].cpu_s += r->cpu_s;
    s->copied_s -= r->unheard_s;
    s->dropped_s[t->why] += r->unheard_s;
    if (t->copy->cut) shadow_pairer_until(&t->copy->pairer, t->copy->from_s + r->heard_s);
    shadow_pairer_ended(&t->copy->pairer, r->side);
    if (r->said == CARRIER_FAILED) shadow_pairer_until(&t->copy->pairer, t->copy->from_s);
    if (r->said == CARRIER_FAILED) drop(t, why);
    s->changed = true;
}

void shadow_result(shadow *s, const carrier_result *r) {
    shadow_tap *t = s->of_lane[r->lane];
    if (!t) return;
    if (r->said == CARRIER_FINAL) {
        double from_s = t->copy->from_s;
        shadow_final f = {.start_s = r->start_s + from_s,
                          .end_s = r->end_s + from_s,
                          .speech_s = r->speech_s,
                          .confidence = r->confidence,
                          .looped = r->looped,
                          .text = r->text};
        if (r->cut) drop(t, SHADOW_FOR_QUEUE);
        if (!r->cut) take_final(t, r->side, &f, r->latency_ms);
        if (r->latency_ms > BEHIND_MS) drop(t, SHADOW_FOR_BEHIND);
    } else {
        lane_ended(t, r);
    }
    move_on(t);
}
