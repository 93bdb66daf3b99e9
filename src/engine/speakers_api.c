/* speakers_api.c: what other threads say about speakers, and the pool of what their streams need.
 *
 * Threads: those of engine.c. All memory is reserved when the engine opens.
 */
#include "engine/voices_int.h"

#include "base/mem.h"

#include <string.h>

#define MAX_HOLD_MS 10000

/* ---- options ------------------------------------------------------------------------------------------------------ */

void steno_speakers_options_init(steno_speakers_options *speakers) {
    *speakers = (steno_speakers_options){.contract = STENO_SPEAKERS_OFF, .max_speakers = 8, .hold_ms = 2500};
}

static steno_err check_voices(const steno_speakers_options *o) {
    if (o->n_voices < 0 || o->n_voices > STENO_SPEAKERS_MAX || (o->n_voices && !o->voices))
        return err_fail(STENO_E_INVALID, "%d enrolled voices: want 0 to %d", o->n_voices, STENO_SPEAKERS_MAX);
    if (o->contract == STENO_SPEAKERS_ENROLLED && o->n_voices == 0)
        return err_fail(STENO_E_INVALID, "enrolled voices are asked for, but none is given");
    if (o->contract != STENO_SPEAKERS_ENROLLED && o->n_voices > o->max_speakers)
        return err_fail(STENO_E_INVALID, "%d enrolled voices are more than max_speakers %d", o->n_voices,
                        o->max_speakers);
    return STENO_OK;
}

steno_err steno_speakers_options_check(const steno_speakers_options *o) {
    if (o->contract == STENO_SPEAKERS_OFF) return STENO_OK;
    if (o->contract < STENO_SPEAKERS_OFF || o->contract > STENO_SPEAKERS_ENROLLED)
        return err_fail(STENO_E_INVALID, "speakers contract %d is unknown", (int)o->contract);
    if (o->max_speakers < 1 || o->max_speakers > STENO_SPEAKERS_MAX)
        return err_fail(STENO_E_INVALID, "max_speakers %d is not in 1..%d", o->max_speakers, STENO_SPEAKERS_MAX);
    if (o->min_speakers < 0 || o->min_speakers > o->max_speakers)
        return err_fail(STENO_E_INVALID, "min_speakers %d is not in 0..max_speakers (%d)", o->min_speakers,
                        o->max_speakers);
    if (o->hold_ms < 0 || o->hold_ms > MAX_HOLD_MS)
        return err_fail(STENO_E_INVALID, "hold_ms %d is not in 0..%d", o->hold_ms, MAX_HOLD_MS);
    return check_voices(o);
}

/* ---- the pool ----------------------------------------------------------------------------------------------------- */

static steno_err open_one(voices *v) {
    ERR_TRY(timeline_init(&v->line));
    ERR_TRY(tracker_open(&v->track));
    v->past = mem_alloc(1, sizeof *v->past);
    if (!v->past) return err_fail(STENO_E_NOMEM, "no memory for what a stream remembers of voices");
    return book_open(&v->said);
}

steno_err voices_open_pool(steno_engine *e) {
    int n = e->config.max_speaker_streams;
    if (n == 0) return STENO_OK;
    if (!e->model->voices)
        return err_fail(STENO_E_NOT_FOUND,
                        "max_speaker_streams %d: the network of voices is missing: 'make models' "
                        "fetches it, or 'steno model convert xvector' converts it",
                        n);
    e->voices = mem_alloc((size_t)n, sizeof *e->voices);
    e->voices_free = mem_alloc((size_t)n, sizeof(voices *));
    if (!e->voices || !e->voices_free)
        return err_fail(STENO_E_NOMEM, "cannot reserve %d streams that tell speakers apart", n);
    for (int i = 0; i < n; i++) {
        ERR_TRY(open_one(&e->voices[i]));
        e->voices_free[n - 1 - i] = &e->voices[i];
    }
    e->voices_free_count = n;
    return STENO_OK;
}

void voices_close_pool(steno_engine *e) {
    for (int i = 0; e->voices && i < e->config.max_speaker_streams; i++) {
        voices *v = &e->voices[i];
        timeline_free(&v->line);
        tracker_free(v->track);
        mem_free(v->past);
        book_free(v->said);
    }
    mem_free(e->voices);
    mem_free(e->voices_free);
}

/* ---- calls -------------------------------------------------------------------------------------------------------- */

static steno_err no_room(const steno_engine *e) {
    return err_fail(STENO_E_LIMIT, "all %d streams that tell speakers apart are in use", e->config.max_speaker_streams);
}

static voices *take(steno_engine *e, stream *t) {
    pthread_mutex_lock(&e->table_lock);
    voices *v = e->voices_free_count ? e->voices_free[--e->voices_free_count] : NULL;
    t->with_voices = v;
    pthread_mutex_unlock(&e->table_lock);
    return v;
}

steno_err steno_stream_speakers(steno_engine *e, steno_stream_id id, const steno_speakers_options *speakers) {
    stream *t;
    ERR_TRY(engine_find_stream(e, id, &t));
    ERR_TRY(steno_speakers_options_check(speakers));
    if (t->with_voices || t->filling || t->total_samples || t->finished)
        return err_fail(STENO_E_INVALID, "stream %llu %s", (unsigned long long)id,
                        t->with_voices ? "tells speakers apart already" : "has had audio: it is too late for speakers");
    if (speakers->contract == STENO_SPEAKERS_OFF) return STENO_OK;
    voices *v = take(e, t);
    if (!v) return no_room(e);
    v->opt = *speakers;
    if (v->opt.n_voices) memcpy(v->known, speakers->voices, (size_t)v->opt.n_voices * sizeof v->known[0]);
    v->opt.voices = v->known;
    message m = {.kind = MSG_SPEAKERS,
                 .stream = (int)(t - e->streams),
                 .generation = atomic_load(&t->generation),
                 .u.voices = v};
    shard_post(e->shards[t->home], &m, 1);
    return STENO_OK;
}

steno_err steno_speakers_admits(steno_engine *e, int n) {
    pthread_mutex_lock(&e->table_lock);
    bool fits = n <= e->voices_free_count;
    pthread_mutex_unlock(&e->table_lock);
    return fits ? STENO_OK : no_room(e);
}

static bool is_number(int speaker) {
    return speaker >= 0 && speaker < STENO_SPEAKERS_MAX;
}

steno_err steno_stream_merge_speakers(steno_engine *e, steno_stream_id id, int from, int into) {
    stream *t;
    ERR_TRY(engine_find_stream(e, id, &t));
    if (!is_number(from) || !is_number(into))
        return err_fail(STENO_E_INVALID, "speakers %d and %d: want numbers from 0 to %d", from, into,
                        STENO_SPEAKERS_MAX - 1);
    if (!t->with_voices)
        return err_fail(STENO_E_UNSUPPORTED, "stream %llu does not tell speakers apart", (unsigned long long)id);
    if (t->with_voices->opt.contract != STENO_SPEAKERS_REVISE)
        return err_fail(STENO_E_UNSUPPORTED, "labels of stream %llu never change", (unsigned long long)id);
    if (from == into) return STENO_OK;
    if (atomic_fetch_add(&t->merges, 1) >= MERGES_MAX) {
        atomic_fetch_sub(&t->merges, 1);
        return err_fail(STENO_E_AGAIN, "%d merges of stream %llu are on their way", MERGES_MAX, (unsigned long long)id);
    }
    message m = {.kind = MSG_MERGE,
                 .stream = (int)(t - e->streams),
                 .generation = atomic_load(&t->generation),
                 .u.merge = {.from = from, .into = into}};
    shard_post(e->shards[t->home], &m, 1);
    return STENO_OK;
}
