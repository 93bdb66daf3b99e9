/* metrics.c: what the network thread counts for /metrics. See metrics.h. */
#include "api/metrics.h"

#include "api/service_int.h"
#include "privacy/gate.h"

#include <string.h>

static const double rtf_bounds[] = {0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0};

static void init_wait(histogram *h) {
    histogram_init(h, histogram_wait_s, HISTOGRAM_WAIT_BOUNDS);
}

void metrics_init(metrics *m) {
    *m = (metrics){0};
    for (int d = 0; d < METRICS_DIALECTS; d++) init_wait(&m->request_s[d]);
    for (int r = 0; r < 2; r++)
        histogram_init(&m->recording_rtf[r], rtf_bounds, (int)(sizeof rtf_bounds / sizeof rtf_bounds[0]));
    init_wait(&m->first_text_s);
    init_wait(&m->partial_lag_s);
    init_wait(&m->final_s);
    init_wait(&m->final_after_speech_s);
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

metrics_dialect metrics_dialect_of_path(const char *path, bool upgrade) {
    static const struct {
        const char *begins;
        metrics_dialect dialect;
    } paths[] = {
        {"/healthz", METRICS_STATE},      {"/readyz", METRICS_STATE},       {"/metrics", METRICS_STATE},
        {"/v1/status", METRICS_STATE},    {"/v1/stream", METRICS_NATIVE},   {"/v1/jobs", METRICS_NATIVE},
        {"/v1/audio/", METRICS_OPENAI},   {"/v1/realtime", METRICS_OPENAI}, {"/v1/models", METRICS_OPENAI},
        {"/v1/listen", METRICS_DEEPGRAM}, {"/v2/listen", METRICS_DEEPGRAM}, {"/vosk", METRICS_VOSK},
        {"/funasr", METRICS_FUNASR},      {"/v1/", METRICS_NATIVE},
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (strncmp(path, paths[i].begins, strlen(paths[i].begins)) == 0) return paths[i].dialect;
    }
    return upgrade ? METRICS_VOSK : METRICS_PAGE; /* vosk's clients ask for "/" */
}

metrics_dialect metrics_dialect_by_name(const char *name) {
    static const char *const names[] = {[METRICS_OPENAI] = "openai",
                                        [METRICS_DEEPGRAM] = "deepgram",
                                        [METRICS_VOSK] = "vosk",
                                        [METRICS_FUNASR] = "funasr",
                                        [METRICS_WYOMING] = "wyoming"};
    for (int d = METRICS_OPENAI; d <= METRICS_WYOMING; d++) {
        if (strcmp(names[d], name) == 0) return (metrics_dialect)d;
    }
    return METRICS_NATIVE;
}

static metrics_outcome outcome_of(int status, bool complete) {
    if (status == 0 || !complete) return METRICS_GONE;
    if (status == 429 || status == 503) return METRICS_BUSY;
    if (status >= 500) return METRICS_FAILED;
    return status >= 400 ? METRICS_REFUSED : METRICS_OK;
}

const char *const metrics_outcome_names[METRICS_OUTCOMES] = {"ok", "refused", "busy", "failed", "gone"};

const char *metrics_outcome_name(int status, bool complete) {
    return metrics_outcome_names[outcome_of(status, complete)];
}

void metrics_answered(metrics *m, metrics_dialect d, int status, bool complete, double seconds) {
    m->requests[d][outcome_of(status, complete)]++;
    histogram_add(&m->request_s[d], seconds);
}

void metrics_upgraded(metrics *m, metrics_dialect d, int status) {
    m->requests[d][outcome_of(status, true)]++;
}

/* ---- live streams ----------------------------------------------------------------------------------------------- */

static double above_zero(double value) {
    return value > 0.0 ? value : 0.0;
}

/* From when people begin to speak, as far as audio comes at the pace of time, to when their first words are handed on. */
static void count_first_text(metrics *m, voice *w, const released_event *e, int64_t now_ms) {
    bool words = e->segment.text && e->segment.text[0];
    if (w->spoke_ms && words) histogram_add(&m->first_text_s, (double)(now_ms - w->spoke_ms) / 1000);
    if (words || e->kind == STENO_EVENT_SEGMENT) w->spoke_ms = 0;
}

static void count_final(metrics *m, const released_event *e, double waited_s) {
    histogram_add(&m->final_s, waited_s);
    double pause_s = above_zero(e->heard_s - e->segment.end_s);
    if (e->segment.end == STENO_END_ENDPOINT) histogram_add(&m->final_after_speech_s, pause_s + waited_s);
}

void metrics_voice_event(voice *w, const released_event *e, int64_t now_ms) {
    metrics *m = &w->service->metrics;
    double waited_s = above_zero((double)now_ms / 1000 - e->due_s);
    bool timed = e->due_s > 0.0;
    switch (e->kind) {
    case STENO_EVENT_SPEECH:
        w->spoke_ms = now_ms - (int64_t)(above_zero(e->heard_s - e->segment.start_s) * 1000);
        break;
    case STENO_EVENT_PARTIAL:
        count_first_text(m, w, e, now_ms);
        if (timed) histogram_add(&m->partial_lag_s, waited_s);
        break;
    case STENO_EVENT_SEGMENT:
        count_first_text(m, w, e, now_ms);
        if (timed) count_final(m, e, waited_s);
        break;
    case STENO_EVENT_DONE:
    case STENO_EVENT_ERROR:
        if (w->stream)
            m->streams_ended[w->dialect][e->kind == STENO_EVENT_DONE ? METRICS_END_DONE : METRICS_END_FAILED]++;
        break;
    default:
        break;
    }
}

void metrics_voice_opened(const voice *w) {
    w->service->metrics.streams_opened[w->dialect]++;
}

void metrics_voice_cancelled(const voice *w) {
    if (w->stream) w->service->metrics.streams_ended[w->dialect][METRICS_END_CANCELLED]++;
}

/* ---- recordings, gates, engines --------------------------------------------------------------------------------- */

void metrics_recorded(metrics *m, int rank, metrics_end end, double audio_s, double wall_s) {
    m->recordings[rank][end]++;
    m->recording_audio_s[rank] += audio_s;
    if (end == METRICS_END_DONE && audio_s > 0.0) histogram_add(&m->recording_rtf[rank], wall_s / audio_s);
}

void metrics_gate_add(metrics_gates *sum, const gate *g) {
    gate_counts c;
    if (!g) return;
    gate_get_counts(g, &c);
    sum->segments += c.segments;
    for (int i = 0; i < ENTITY_TYPES; i++) sum->entities[i] += c.entities[i];
    sum->held += c.held;
    sum->held_ms += c.held_ms;
    sum->forced_out += c.forced_out;
}

void metrics_gate_closed(metrics *m, const gate *g) {
    metrics_gate_add(&m->gates, g);
}

static void add_counters(steno_engine_stats *sum, const steno_engine_stats *s) {
    uint64_t *const to[] = {&sum->opened,
                            &sum->refused,
                            &sum->ticks,
                            &sum->vad_frames,
                            &sum->gated_frames,
                            &sum->speech_frames,
                            &sum->encode_rows,
                            &sum->encode_batches,
                            &sum->decode_steps,
                            &sum->encode_utterances,
                            &sum->decode_rows,
                            &sum->partials,
                            &sum->partials_skipped,
                            &sum->finals,
                            &sum->finals_early,
                            &sum->draft_tokens,
                            &sum->draft_kept,
                            &sum->looks,
                            &sum->revisions};
    const uint64_t from[] = {s->opened,
                             s->refused,
                             s->ticks,
                             s->vad_frames,
                             s->gated_frames,
                             s->speech_frames,
                             s->encode_rows,
                             s->encode_batches,
                             s->decode_steps,
                             s->encode_utterances,
                             s->decode_rows,
                             s->partials,
                             s->partials_skipped,
                             s->finals,
                             s->finals_early,
                             s->draft_tokens,
                             s->draft_kept,
                             s->looks,
                             s->revisions};
    _Static_assert(sizeof to / sizeof to[0] == sizeof from / sizeof from[0], "each to its own");
    for (size_t i = 0; i < sizeof to / sizeof to[0]; i++) *to[i] += from[i];
    sum->busy_s += s->busy_s;
    sum->audio_s += s->audio_s;
    for (int i = 0; i < STENO_STAGES; i++) sum->stage_s[i] += s->stage_s[i];
    histogram_merge(&sum->tick_s, &s->tick_s);
    histogram_merge(&sum->decode_batch, &s->decode_batch);
    for (int i = 0; i < STENO_PASSES; i++) histogram_merge(&sum->wait_s[i], &s->wait_s[i]);
    for (int i = 0; i < STENO_LANES; i++) {
        histogram_merge(&sum->encode_fill[i], &s->encode_fill[i]);
        histogram_merge(&sum->encode_batch[i], &s->encode_batch[i]);
    }
}

static void add_gauges(steno_engine_stats *sum, const steno_engine_stats *s) {
    int *const to[] = {
        &sum->shards,        &sum->streams,      &sum->live,         &sum->speaker_streams,   &sum->kv_pages,
        &sum->kv_pages_free, &sum->kv_pages_low, &sum->audio_frames, &sum->audio_frames_free, &sum->segments,
        &sum->segments_free, &sum->waiting,      &sum->active};
    const int from[] = {s->shards,        s->streams,      s->live,         s->speaker_streams,   s->kv_pages,
                        s->kv_pages_free, s->kv_pages_low, s->audio_frames, s->audio_frames_free, s->segments,
                        s->segments_free, s->waiting,      s->active};
    _Static_assert(sizeof to / sizeof to[0] == sizeof from / sizeof from[0], "each to its own");
    for (size_t i = 0; i < sizeof to / sizeof to[0]; i++) *to[i] += from[i];
    for (int i = 0; i < STENO_PASSES; i++) sum->waiting_by[i] += s->waiting_by[i];
    sum->arena_bytes += s->arena_bytes;
    sum->arena_peak_bytes += s->arena_peak_bytes;
    sum->overloaded |= s->overloaded;
    if (s->load > sum->load) sum->load = s->load;
    if (s->stretch > sum->stretch) sum->stretch = s->stretch;
}

void metrics_engine_add(steno_engine_stats *sum, const steno_engine_stats *s) {
    add_counters(sum, s);
    add_gauges(sum, s);
}

void metrics_engine_closed(metrics *m, steno_engine *engine) {
    steno_engine_stats s;
    steno_engine_get_stats(engine, &s);
    add_counters(&m->closed, &s);
}
