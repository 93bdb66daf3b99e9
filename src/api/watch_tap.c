/* watch_tap.c: what passes a stream is counted: see watch.h.
 *
 * Drafts stand here for the time of a call: numbers are taken of them. Words of the worst come from a gate of the tap's own, so
 * that what a policy of the stream lets pass is masked here all the same.
 */
#include "api/watch_tap.h"

#include "api/service_int.h"
#include "api/watch_int.h"
#include "base/mem.h"
#include "privacy/gate.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LABELS_KEPT    64     /* segments whose speaker may still be revised */
#define AUDIO_S        5.0    /* of audio are counted together */
#define JUDGED_AFTER   10     /* utterances: then it has been heard enough to say what its microphone is like … */
#define JUDGED_S       3600.0 /* … and again after so much audio */
#define NARROW_RATE_HZ 12000  /* of sound said to have less, nothing is expected above 4 kHz */

typedef struct kept_label {
    uint32_t id;
    int speaker; /* STENO_SPEAKER_UNKNOWN: the place is free, or nobody was named */
} kept_label;

struct watch_tap {
    watch *watch;
    size_t series;
    bool live, narrow_expected, heard; /* heard: an utterance of it */
    char owner[sizeof((watch_worst *)0)->owner];
    gate_policy policy;
    gate *gate;               /* of the texts of the worst; NULL: none has been asked for, or there was no memory */
    uint64_t number;          /* of the stream, for its entries among the worst */
    double audio_s;           /* not counted yet */
    double heard_s, judged_s; /* audio; when it was judged last, negative: never */
    input_votes votes;
    uint32_t partials, revisions, utterance; /* of the open utterance */
    text_trace shown;
    kept_label label[LABELS_KEPT];
    input input;
};

/* ---- life ----------------------------------------------------------------------------------------------------------- */

static size_t series_of(watch *w, const engine_slot *slot, const char *owner) {
    cell_at at = {0};
    snprintf(at.model, sizeof at.model, "%s", steno_model_name(slot->model));
    snprintf(at.language, sizeof at.language, "%s", steno_model_language(slot->model));
    if (w->key_labels) snprintf(at.key, sizeof at.key, "%s", owner);
    return monitor_series(w->monitor, &at);
}

/* At least masked, whatever the stream's own policy lets pass. */
static void join_floor(gate_policy *policy) {
    gate_policy floor;
    policy_init(&floor);
    floor.mode = REDACT_MASK;
    floor.forced = true;
    policy_join(policy, &floor);
}

watch_tap *watch_tap_open(watch *w, const engine_slot *slot, const watch_stream *of) {
    watch_tap *t = w ? mem_alloc(1, sizeof *t) : NULL;
    if (!t) return NULL;
    t->watch = w;
    t->judged_s = -1;
    t->series = series_of(w, slot, of->owner);
    t->live = of->live;
    t->narrow_expected = of->rate_hz < NARROW_RATE_HZ;
    t->policy = of->policy;
    join_floor(&t->policy);
    t->number = ++w->n_taps;
    snprintf(t->owner, sizeof t->owner, "%s", of->owner);
    for (int i = 0; i < LABELS_KEPT; i++) t->label[i].speaker = STENO_SPEAKER_UNKNOWN;
    return t;
}

static void count_audio(watch_tap *t) {
    monitor_audio(t->watch->monitor, t->series, t->audio_s, input_take_loud_s(&t->input));
    t->audio_s = 0;
}

static void judge(watch_tap *t) {
    monitor_stream(t->watch->monitor, t->series, &t->votes);
    t->votes = (input_votes){0};
    t->judged_s = t->heard_s;
}

static void vote(watch_tap *t, const quality_sample *q) {
    monitor_vote(&t->votes, q);
    bool due = t->judged_s < 0 ? t->votes.n >= JUDGED_AFTER : t->heard_s >= t->judged_s + JUDGED_S;
    if (due) judge(t);
}

/* What is left to count. Once more, it is nothing. */
static void end(watch_tap *t) {
    count_audio(t);
    if (t->judged_s < 0) judge(t);
}

void watch_tap_close(watch_tap *t) {
    if (!t) return;
    if (!t->watch->stopped) end(t);
    gate_free(t->gate);
    mem_free(t);
}

void watch_tap_set_policy(watch_tap *t, const gate_policy *policy) {
    if (!t) return;
    t->policy = *policy;
    join_floor(&t->policy);
    if (t->gate) gate_set_policy(t->gate, &t->policy);
}

void watch_tap_audio(watch_tap *t, const float *samples, size_t n) {
    if (!t) return;
    input_add(&t->input, samples, n);
    t->audio_s += (double)n / STENO_SAMPLE_RATE_HZ;
    t->heard_s += (double)n / STENO_SAMPLE_RATE_HZ;
    if (t->audio_s >= AUDIO_S) count_audio(t);
}

/* ---- the worst ------------------------------------------------------------------------------------------------------ */

/* Of the stream's entries, the one it belongs to: nearly always there is none. */
static void keep_text(void *user, const released_event *e) {
    const watch_tap *t = user;
    watch *w = t->watch;
    if (e->kind != STENO_EVENT_SEGMENT || !w->texts) return;
    for (int i = 0; i < WATCH_WORST; i++) {
        watch_worst *to = &w->worst[i];
        if (to->score > 0 && to->stream == t->number && to->segment == e->segment.id && !to->empty)
            snprintf(to->text, sizeof to->text, "%s", e->segment.text);
    }
}

/* Every final of the stream goes through, since the first half of a number is known by the second. Time stands still for
 * it: what ends in such a half waits for the next final, or the end, however long that takes. What cannot be looked at is left out. */
static void pass_gate(watch_tap *t, const steno_event *final) {
    privacy *rules = t->watch->service->config.privacy;
    if (!t->gate && t->watch->texts && rules && gate_open(rules, &t->policy, keep_text, t, &t->gate) != STENO_OK)
        t->gate = NULL;
    if (t->gate) gate_event(t->gate, final, 0);
}

static void note_worst(const watch_tap *t, uint32_t segment, const quality_sample *q) {
    watch *w = t->watch;
    const cell_at *at = monitor_at(w->monitor, t->series);
    double score = watch_score(q), speech_s = q->speech_s > 0.1 ? q->speech_s : 0.1;
    watch_worst *to = watch_worst_place(w, score, watch_now_s());
    if (!to) return;
    *to = (watch_worst){.score = score,
                        .stream = t->number,
                        .segment = segment,
                        .at_s = watch_now_s(),
                        .empty = q->empty,
                        .looped = q->looped,
                        .live = t->live,
                        .speech_s = q->speech_s,
                        .confidence = q->confidence,
                        .compression = q->text.compression,
                        .repeated = q->text.words ? (double)q->text.repeated / q->text.words : 0,
                        .characters_per_s = q->text.characters / speech_s,
                        .has_input = q->has_input,
                        .input = q->input};
    memcpy(to->owner, t->owner, sizeof to->owner);
    memcpy(to->model, at->model, sizeof to->model);
    memcpy(to->language, at->language, sizeof to->language);
}

/* ---- utterances ----------------------------------------------------------------------------------------------------- */

static double monotonic_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Partials of another utterance than the last one's are a new count. */
static void enter_utterance(watch_tap *t, uint32_t id) {
    if (t->utterance == id + 1) return;
    t->utterance = id + 1;
    t->partials = t->revisions = 0;
    t->shown = (text_trace){0};
}

static void on_partial(watch_tap *t, const steno_segment *s) {
    enter_utterance(t, s->id);
    t->partials++;
    t->revisions += text_took_back(&t->shown, s->text, strlen(s->text));
}

static void keep_label(watch_tap *t, const steno_segment *s) {
    kept_label *kept = &t->label[s->id % LABELS_KEPT];
    *kept = (kept_label){.id = s->id, .speaker = s->speaker};
    if (s->speaker != STENO_SPEAKER_UNKNOWN) monitor_speakers(t->watch->monitor, t->series, 1, 0);
}

static void on_labels(watch_tap *t, const steno_segment *s) {
    kept_label *kept = &t->label[s->id % LABELS_KEPT];
    if (kept->id != s->id || kept->speaker == s->speaker) return;
    bool named = kept->speaker != STENO_SPEAKER_UNKNOWN;
    monitor_speakers(t->watch->monitor, t->series, !named, named);
    kept->speaker = s->speaker;
}

static void on_final(watch_tap *t, const steno_event *e) {
    const steno_segment *s = &e->segment;
    size_t n = strlen(s->text);
    enter_utterance(t, s->id);
    quality_sample q = {.speech_s = e->speech_end_s - e->speech_start_s,
                        .empty = n == 0,
                        .confidence = (double)s->confidence,
                        .looped = s->looped,
                        .first = !t->heard,
                        .partials = t->partials,
                        .partial_revisions = t->revisions,
                        .latency_ms = t->live ? (monotonic_s() - e->due_s) * 1000 : -1,
                        .narrow_expected = t->narrow_expected};
    t->heard = true;
    if (n) text_measure(t->watch->meter, s->text, n, &q.text);
    q.has_input = input_look(&t->input, e->speech_start_s, e->speech_end_s, &q.input);
    monitor_utterance(t->watch->monitor, t->series, &q);
    vote(t, &q);
    keep_label(t, s);
    note_worst(t, s->id, &q);
    pass_gate(t, e);
}

/* The tap may stay for a while, as a session does that somebody may come back to. */
static void on_done(watch_tap *t, const steno_event *e) {
    if (!t->live)
        monitor_empty(t->watch->monitor, t->series, e->stats.empty, e->stats.empty_s); /* live ones were finals */
    if (t->gate) gate_event(t->gate, e, 0);
    end(t);
}

void watch_tap_event(watch_tap *t, const steno_event *e) {
    if (!t || t->watch->stopped) return;
    switch (e->kind) {
    case STENO_EVENT_PARTIAL:
        on_partial(t, &e->segment);
        break;
    case STENO_EVENT_SEGMENT:
        on_final(t, e);
        break;
    case STENO_EVENT_SPEAKERS:
        on_labels(t, &e->segment);
        break;
    case STENO_EVENT_DONE:
        on_done(t, e);
        break;
    case STENO_EVENT_ERROR:
        end(t);
        break;
    default:
        break;
    }
}
