/* enrol.c: steno_voice_enrol(): audio of one person -> voice activity, features, the network -> looks -> speakers/enrol.
 *
 * Owner      the calling thread; memory of its own, given back at the end.
 * Invariants rows are made as a live stream's are (same mean normalisation, same threshold of speech), so that prints and looks
 *            compare; nothing is kept of the audio.
 */
#include "base/mem.h"
#include "engine/model.h"
#include "engine/voice_rows.h"
#include "listen/level.h"
#include "speakers/backend.h"
#include "speakers/enrol.h"

#include <math.h>
#include <openssl/crypto.h>
#include <string.h>

#define FRAMES_A_STEP 16
#define FEED_SAMPLES  1600 /* through the features at once */
#define FEED_ROWS     (FEED_SAMPLES / 160 + 2 + MFCC_MEAN_AHEAD_MAX)
#define JOB_ROWS      (BLOCK_ROWS + XVECTOR_AHEAD)
#define ROW_MIDDLE_MS 12 /* of the 25 ms that a row is made from */
#define FRAME_MS      32
#define ENROL_MAX_S   3600 /* more would tell no more */

typedef struct enrolling {
    const steno_model *model;
    const float *pcm;
    size_t n;
    arena scratch;
    float *prob; /* [n_frames] owned */
    int64_t n_frames;
    enrol_sound sound;
    /* features */
    mfcc_state mfcc;
    mfcc_mean mean;
    xvector_state state;
    float ceps[JOB_ROWS][MFCC_CEPS]; /* rows of the block that comes next */
    int filled;
    int64_t rows;                         /* through the network */
    xvector_sums sums[ENROL_LOOK_BLOCKS]; /* by block modulo */
    int64_t blocks, looked;               /* done; when the last look was made */
    speakers_look *looks;                 /* [room] owned */
    int n_looks, room;
} enrolling;

/* ---- voice activity ----------------------------------------------------------------------------------------------- */

/* Up to FRAMES_A_STEP frames from `first` on. What the level stage gates is silence. */
static steno_err hear_frames(enrolling *w, silero_state *state, level *gain, int64_t first, int count) {
    float pcm[FRAMES_A_STEP * SILERO_FRAME_SAMPLES], prob[FRAMES_A_STEP] = {0};
    bool heard[FRAMES_A_STEP];
    int n = 0;
    for (int f = 0; f < count; f++) {
        float *to = pcm + (size_t)n * SILERO_FRAME_SAMPLES;
        memcpy(to, w->pcm + (size_t)(first + f) * SILERO_FRAME_SAMPLES, SILERO_FRAME_SAMPLES * sizeof *to);
        heard[f] = level_step(gain, to);
        n += heard[f];
    }
    silero_job job = {.state = state, .pcm = pcm, .frames = n, .prob = prob};
    if (n > 0) ERR_TRY(silero_step(w->model->vad, &w->scratch, &job, 1));
    for (int f = 0, at = 0; f < count; f++) {
        w->prob[first + f] = heard[f] ? prob[at++] : LEVEL_GATED_PROB;
        enrol_sound_step(&w->sound, w->pcm + (size_t)(first + f) * SILERO_FRAME_SAMPLES, SILERO_FRAME_SAMPLES,
                         w->prob[first + f]);
    }
    return STENO_OK;
}

static steno_err hear(enrolling *w) {
    silero_state state;
    level gain;
    silero_reset(&state);
    level_reset(&gain);
    enrol_sound_reset(&w->sound);
    for (int64_t f = 0; f < w->n_frames; f += FRAMES_A_STEP) {
        int64_t left = w->n_frames - f;
        size_t mark = arena_mark(&w->scratch);
        steno_err e = hear_frames(w, &state, &gain, f, left < FRAMES_A_STEP ? (int)left : FRAMES_A_STEP);
        arena_release(&w->scratch, mark);
        ERR_TRY(e);
    }
    return STENO_OK;
}

static bool is_speech(const enrolling *w, int64_t row) {
    int64_t frame = (row * MFCC_HOP_MS + ROW_MIDDLE_MS) / FRAME_MS;
    return row >= 0 && frame < w->n_frames && w->prob[frame] >= SPEAKERS_SPEECH_PROB;
}

/* ---- looks -------------------------------------------------------------------------------------------------------- */

/* Of the newest blocks, if they have enough speech. */
static steno_err look_back(enrolling *w) {
    xvector_sums all = {0};
    const xvector_sums *one = &all;
    int64_t first = w->blocks > ENROL_LOOK_BLOCKS ? w->blocks - ENROL_LOOK_BLOCKS : 0;
    w->looked = w->blocks;
    for (int64_t b = first; b < w->blocks; b++) xvector_add_sums(&all, &w->sums[b % ENROL_LOOK_BLOCKS]);
    float speech_s = all.n * MFCC_HOP_MS / 1000;
    if (speech_s < ENROL_LOOK_SPEECH_S || w->n_looks == w->room) return STENO_OK;
    speakers_look *l = &w->looks[w->n_looks];
    float post[XVECTOR_DIM];
    size_t mark = arena_mark(&w->scratch);
    steno_err e = xvector_embed(w->model->voices, &w->scratch, &one, 1, post);
    arena_release(&w->scratch, mark);
    ERR_TRY(e);
    backend_project(post, l->e);
    l->first = first;
    l->end = w->blocks;
    l->speech_s = speech_s;
    w->n_looks++;
    return STENO_OK;
}

/* The rows that are there go through the network into the sums of the next block. */
static steno_err run_block(enrolling *w) {
    float weight[JOB_ROWS];
    xvector_sums *sums = &w->sums[w->blocks % ENROL_LOOK_BLOCKS];
    memset(sums, 0, sizeof *sums);
    for (int i = 0; i < w->filled; i++) weight[i] = is_speech(w, w->rows + i - XVECTOR_AHEAD) ? 1 : 0;
    xvector_job job = {.state = &w->state, .ceps = w->ceps[0], .weight = weight, .rows = w->filled, .sums = sums};
    size_t mark = arena_mark(&w->scratch);
    steno_err e = xvector_step(w->model->voices, &w->scratch, &job, 1);
    arena_release(&w->scratch, mark);
    ERR_TRY(e);
    w->rows += w->filled;
    w->filled = 0;
    w->blocks++;
    return w->blocks - w->looked >= ENROL_HOP_BLOCKS && w->blocks >= ENROL_LOOK_BLOCKS ? look_back(w) : STENO_OK;
}

/* The first block waits for what the network looks ahead. */
static steno_err take_rows(enrolling *w, const float *rows, int n) {
    for (int i = 0; i < n; i++) {
        memcpy(w->ceps[w->filled++], rows + (size_t)i * MFCC_CEPS, sizeof w->ceps[0]);
        if (w->filled == (w->rows == 0 ? JOB_ROWS : BLOCK_ROWS)) ERR_TRY(run_block(w));
    }
    return STENO_OK;
}

/* What the stages still hold; the last row stands for those behind the end. */
static steno_err end_rows(enrolling *w) {
    float rows[FEED_ROWS * MFCC_CEPS], last[MFCC_CEPS] = {0};
    int n = mfcc_mean_flush(&w->mean, rows);
    ERR_TRY(take_rows(w, rows, n));
    if (n > 0) memcpy(last, rows + (size_t)(n - 1) * MFCC_CEPS, sizeof last);
    for (int i = 0; i < XVECTOR_AHEAD; i++) ERR_TRY(take_rows(w, last, 1));
    if (w->filled > 0) ERR_TRY(run_block(w));
    return w->blocks > w->looked ? look_back(w) : STENO_OK;
}

static steno_err make_looks(enrolling *w) {
    float rows[FEED_ROWS * MFCC_CEPS], level_rows[FEED_ROWS * MFCC_CEPS];
    mfcc_reset(&w->mfcc);
    mfcc_mean_reset(&w->mean, VOICE_MEAN_AHEAD);
    xvector_reset(&w->state);
    for (size_t at = 0; at < w->n; at += FEED_SAMPLES) {
        size_t left = w->n - at;
        int n = mfcc_step(&w->mfcc, w->pcm + at, left < FEED_SAMPLES ? (int)left : FEED_SAMPLES, rows);
        ERR_TRY(take_rows(w, level_rows, mfcc_mean_step(&w->mean, rows, n, level_rows)));
    }
    return end_rows(w);
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

static steno_err enrol(enrolling *w, steno_enrolment *out) {
    size_t vad = silero_arena_bytes(FRAMES_A_STEP), net = xvector_arena_bytes(JOB_ROWS), embed = xvector_embed_bytes(1);
    size_t most = vad > net ? vad : net;
    ERR_TRY(arena_init(&w->scratch, (most > embed ? most : embed) + 4096));
    w->n_frames = (int64_t)(w->n / SILERO_FRAME_SAMPLES);
    w->room = (int)(w->n / (STENO_SAMPLE_RATE_HZ / 1000 * SPEAKERS_BLOCK_MS * ENROL_HOP_BLOCKS)) + 2;
    w->prob = mem_alloc((size_t)w->n_frames + 1, sizeof *w->prob);
    w->looks = mem_alloc((size_t)w->room, sizeof *w->looks);
    if (!w->prob || !w->looks) return err_fail(STENO_E_NOMEM, "no memory to enrol a voice");
    ERR_TRY(hear(w));
    ERR_TRY(make_looks(w));
    double speech_s = (double)w->sound.speech_samples / STENO_SAMPLE_RATE_HZ;
    enrol_measure(w->looks, w->n_looks, speech_s, &w->sound, out);
    return enrol_check(out);
}

static steno_err check_audio(const float *pcm, size_t n) {
    if (n > (size_t)ENROL_MAX_S * STENO_SAMPLE_RATE_HZ)
        return err_fail(STENO_E_LIMIT, "more than %d s of audio to enrol one voice", ENROL_MAX_S);
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(pcm[i])) return err_fail(STENO_E_FORMAT, "sample %zu is no number", i);
    }
    return STENO_OK;
}

steno_err steno_voice_enrol(const steno_model *model, const float *pcm, size_t n, steno_enrolment *out) {
    *out = (steno_enrolment){0};
    if (!model->voices)
        return err_fail(STENO_E_NOT_FOUND, "the network of voices is missing: 'make models' fetches it, or "
                                           "'steno model convert xvector' converts it");
    ERR_TRY(check_audio(pcm, n));
    enrolling *w = mem_alloc(1, sizeof *w);
    if (!w) return err_fail(STENO_E_NOMEM, "no memory to enrol a voice");
    w->model = model;
    w->pcm = pcm;
    w->n = n;
    steno_err e = enrol(w, out);
    if (w->looks) OPENSSL_cleanse(w->looks, (size_t)w->room * sizeof *w->looks);
    mem_free(w->looks);
    mem_free(w->prob);
    arena_free(&w->scratch);
    OPENSSL_cleanse(w, sizeof *w);
    mem_free(w);
    return e;
}
