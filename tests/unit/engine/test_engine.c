/* test_engine.c: a recording gives the same words, times and numbers whatever keeps it company.
 *
 * Compared to the last bit: alone and with seven others, one shard and two, batches of one and of 24, whole pushes and
 * random ones, a fresh engine and a used one. And against a recogniser written plainly here, which finds spans, encodes,
 * decodes and aligns one segment at a time with none of the engine's code.
 */
#include "engine_test.h"

#include "base/mem.h"
#include "listen/times.h"

#include <math.h>

#define SEED       20260118u
#define RECORDINGS 8

static rig normal, endless;
static float *recording[RECORDINGS];
static size_t samples[RECORDINGS];

/* ---- the plain recogniser --------------------------------------------------------------------------------------- */

typedef struct plain {
    const steno_model *model;
    float *prob; /* [frames heard], -1 without VAD */
    int64_t heard;
    arena a;
    kv_pool pool;
} plain;

static void plain_open(plain *p, const steno_model *model) {
    p->model = model;
    size_t bytes = moonshine_encode_bytes(model->asr, 31 * 16000, 31 * 16000) + moonshine_decode_bytes(model->asr, 1);
    assert_ok(arena_init(&p->a, bytes));
    assert_ok(kv_pool_init(&p->pool, moonshine_page_halfs(model->asr), 100));
    memset(p->pool.memory, 0xff, 100 * moonshine_page_halfs(model->asr) * sizeof(uint16_t));
}

static void plain_close(plain *p) {
    arena_free(&p->a);
    kv_pool_free(&p->pool);
}

typedef struct plain_text {
    int n;
    bool looped, limited;
    int32_t ids[MOONSHINE_MAX_TOKENS];
    float logprob[MOONSHINE_MAX_TOKENS];
    float *align; /* [MOONSHINE_MAX_TOKENS + 1, frames], zeros where nothing was decoded */
} plain_text;

static void plain_decode(plain *p, moonshine_sequence *seq, int limit, plain_text *out) {
    const moonshine_info *info = moonshine_describe(p->model->asr);
    int32_t token = info->start_token;
    out->n = 0;
    out->looped = out->limited = false;
    while (out->n < limit) {
        float *row_align = out->align + (size_t)out->n * (size_t)seq->frames;
        moonshine_row row = {.seq = seq, .token = token, .align = row_align};
        assert_ok(moonshine_decode_step(p->model->asr, &p->a, &row, 1, NULL));
        if (row.next == info->end_token) return;
        out->ids[out->n] = token = row.next;
        out->logprob[out->n++] = row.logprob;
        int keep = transcript_loop(out->ids, out->n);
        if (keep == out->n) continue;
        out->n = keep;
        out->looped = true;
        return;
    }
    out->limited = true;
}

/* The probability of speech where the middle of encoder frame i of a span lies, -1 behind what the span holds. */
static float plain_speech(const plain *p, const segmenter_span *span, int i) {
    int64_t frames = (span->end_sample + SEGMENTER_FRAME_SAMPLES - 1) / SEGMENTER_FRAME_SAMPLES;
    int64_t middle =
        span->start_sample + MOONSHINE_FRAME_FIRST + i * MOONSHINE_FRAME_SAMPLES + MOONSHINE_FRAME_SAMPLES / 2;
    int64_t at = middle / SEGMENTER_FRAME_SAMPLES;
    return at < frames && at < p->heard ? p->prob[at] : -1.0f;
}

/* What one span says, into the track's log. */
static void plain_span(plain *p, track *t, const segmenter_span *span) {
    const moonshine *m = p->model->asr;
    int n = (int)(span->end_sample - span->start_sample),
        padded = n < MOONSHINE_MIN_SAMPLES ? MOONSHINE_MIN_SAMPLES : n;
    float *pcm = calloc((size_t)padded, sizeof *pcm);
    for (int i = 0; i < n; i++) {
        if ((size_t)(span->start_sample + i) < t->n) pcm[i] = t->pcm[span->start_sample + i];
    }
    moonshine_sequence seq = {.frames = moonshine_frames(padded)};
    int pages = moonshine_pages(seq.frames);
    assert_true(kv_pool_take(&p->pool, pages, seq.cross));
    assert_true(kv_pool_take(&p->pool, MOONSHINE_MAX_TOKENS / 16, seq.self));
    moonshine_utterance u = {.pcm = pcm, .samples = padded, .pages = seq.cross};
    moonshine_encoding e;
    bool done = false;
    assert_ok(moonshine_encode_begin(&e, m, &p->a, &u, 1));
    while (!done) assert_ok(moonshine_encode_step(&e, &done));
    arena_release(&p->a, 0);
    plain_text text = {.align = calloc((MOONSHINE_MAX_TOKENS + 1) * (size_t)seq.frames, sizeof(float))};
    plain_decode(p, &seq, moonshine_token_limit(padded), &text);

    transcript_token tokens[MOONSHINE_MAX_TOKENS];
    double origin_s = (double)span->start_sample / STENO_SAMPLE_RATE_HZ;
    float *speech = calloc((size_t)seq.frames, sizeof *speech);
    for (int i = 0; i < seq.frames; i++) speech[i] = plain_speech(p, span, i);
    void *scratch = calloc(times_scratch_bytes(text.n, seq.frames), 1);
    times_job job = {.tokenizer = p->model->tokens,
                     .ids = text.ids,
                     .logprob = text.logprob,
                     .n = text.n,
                     .weight = text.align,
                     .rows = text.limited ? text.n : text.n + 1,
                     .sound = {pcm, padded, MOONSHINE_FRAME_SAMPLES, MOONSHINE_FRAME_FIRST, speech},
                     .frames = seq.frames,
                     .origin_s = origin_s};
    times_of_tokens(&job, scratch, tokens);
    free(speech);
    double first_s = fmax(origin_s, (double)(span->speech_start_sample - 1600) / STENO_SAMPLE_RATE_HZ);
    double last_s = (double)(span->speech_end_sample + 1600) / STENO_SAMPLE_RATE_HZ;
    last_s = fmin(last_s, (double)span->end_sample / STENO_SAMPLE_RATE_HZ);
    transcript *built = calloc(1, sizeof *built);
    transcript_build(p->model->tokens, tokens, text.n, first_s, last_s, built);
    built->looped = text.looped;
    t->stats.tokens += (uint64_t)text.n;
    t->stats.speech_s += (double)(span->speech_end_sample - span->speech_start_sample) / STENO_SAMPLE_RATE_HZ;
    if (built->text_bytes) {
        steno_segment view = transcript_view(built, t->segments);
        note_segment(t, &view);
    }
    kv_pool_give(&p->pool, pages, seq.cross);
    kv_pool_give(&p->pool, MOONSHINE_MAX_TOKENS / 16, seq.self);
    free(pcm);
    free(text.align);
    free(scratch);
    free(built);
}

/* One frame at a time, as if there were no engine. */
static void plain_play(const steno_model *model, track *t) {
    plain p;
    plain_open(&p, model);
    segmenter *seg = calloc(1, sizeof *seg);
    p.prob = calloc(t->n / SEGMENTER_FRAME_SAMPLES + 1, sizeof *p.prob);
    p.heard = 0;
    silero_state state;
    segmenter_span span;
    silero_reset(&state);
    assert_ok(segmenter_init(seg, &t->vad));
    for (size_t at = 0; at < t->n; at += SEGMENTER_FRAME_SAMPLES) {
        float frame_pcm[SEGMENTER_FRAME_SAMPLES] = {0}, prob = 1.0f;
        size_t n = t->n - at < SEGMENTER_FRAME_SAMPLES ? t->n - at : SEGMENTER_FRAME_SAMPLES;
        memcpy(frame_pcm, t->pcm + at, n * sizeof *frame_pcm);
        silero_job job = {.state = &state, .pcm = frame_pcm, .frames = 1, .prob = &prob};
        if (t->vad.enabled) assert_ok(silero_step(model->vad, &p.a, &job, 1));
        p.prob[p.heard++] = t->vad.enabled ? prob : -1.0f;
        if (segmenter_step(seg, prob, &span)) plain_span(&p, t, &span);
    }
    while (segmenter_end(seg, (int64_t)t->n, &span)) plain_span(&p, t, &span);
    note(t, "done %.9g s, speech %.6g s, %u segments, %llu tokens\n", (double)t->n / STENO_SAMPLE_RATE_HZ,
         t->stats.speech_s, t->segments, (unsigned long long)t->stats.tokens);
    free(seg);
    free(p.prob);
    plain_close(&p);
}

/* ---- comparisons ------------------------------------------------------------------------------------------------ */

static track tracks[RECORDINGS], reference[RECORDINGS];

static void prepare(track *t, steno_vad_options vad) {
    for (int i = 0; i < RECORDINGS; i++) t[i] = track_of(recording[i], samples[i], vad);
}

static void release(track *t) {
    for (int i = 0; i < RECORDINGS; i++) track_free(&t[i]);
}

static void make_reference(const steno_model *model, steno_vad_options vad) {
    prepare(reference, vad);
    for (int i = 0; i < RECORDINGS; i++) plain_play(model, &reference[i]);
}

/* cmocka cuts long strings short: the first line that differs says more. */
static void assert_same_log(const track *mine, const track *theirs) {
    const char *a = mine->log, *b = theirs->log;
    while (strcmp(a, b) != 0) {
        size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
        if (n != m || memcmp(a, b, n) != 0 || !a[n])
            fail_msg("differs:\n  %.*s\n  %.*s", (int)(n < 400 ? n : 400), a, (int)(m < 400 ? m : 400), b);
        a += n + 1;
        b += m + 1;
    }
}

static void assert_reference(void) {
    for (int i = 0; i < RECORDINGS; i++) assert_same_log(&tracks[i], &reference[i]);
}

typedef struct company {
    int shards, max_batch, together;
    uint64_t chunk_seed;
    int rounds;
} company;

static void check_company(const steno_model *model, steno_vad_options vad, const company *c) {
    steno_engine *e = engine_of(model, c->shards, c->max_batch, 64, 0);
    for (int round = 0; round < c->rounds; round++) {
        prepare(tracks, vad);
        for (int i = 0; c->chunk_seed && i < RECORDINGS; i++)
            tracks[i].chunk_seed = c->chunk_seed + 1000u * (unsigned)i;
        for (int i = 0; i < RECORDINGS; i += c->together) play(e, tracks + i, c->together);
        assert_reference();
        assert_pools_full(e);
        release(tracks);
    }
    close_at_rest(e);
}

/* Each row differs from the first in one way or in all. */
static const company companies[] = {
    {1, 24, 1, 0, 1}, {1, 24, 8, 0, 2}, {1, 1, 8, 0, 1}, {2, 24, 8, 0, 2}, {1, 24, 1, SEED, 1}, {3, 5, 8, SEED + 1, 2},
};

static void check_companies(const steno_model *model, steno_vad_options vad) {
    make_reference(model, vad);
    uint32_t segments = 0;
    for (int i = 0; i < RECORDINGS; i++) segments += reference[i].segments;
    assert_true(segments > (SLOW_BUILD ? 5 : 10));
    for (size_t i = 0; i < sizeof companies / sizeof companies[0]; i++) check_company(model, vad, &companies[i]);
    release(reference);
}

static void speech_and_pauses(void **state) {
    (void)state;
    check_companies(normal.model, vad_of(true, 20.0f));
}

static void short_segments(void **state) {
    (void)state;
    steno_vad_options vad = vad_of(true, 3.0f);
    vad.join_ms = 0;
    vad.min_silence_ms = 64;
    vad.pad_ms = 30;
    check_companies(normal.model, vad);
}

static void without_vad(void **state) {
    (void)state;
    check_companies(normal.model, vad_of(false, 7.0f));
}

/* Texts that end at their limit or in a loop have no end token, and so no attention row of one. */
static void texts_without_end(void **state) {
    (void)state;
    check_companies(endless.model, vad_of(true, 20.0f));
    bool limited = false;
    make_reference(endless.model, vad_of(true, 20.0f));
    for (int i = 0; i < RECORDINGS; i++) limited = limited || strstr(reference[i].log, " 0 ") != NULL;
    assert_true(limited);
    release(reference);
}

/* One long recording is cut and spread over shards; its text comes back in order and unchanged. */
static void long_recording_over_shards(void **state) {
    (void)state;
    size_t n = SECONDS(SLOW_BUILD ? 40 : 200) + 77;
    float *pcm = fake_talk(n, 30.0, SEED + 50);
    track a = track_of(pcm, n, vad_of(true, 5.0f)), b = a, c = a;
    plain_play(normal.model, &a);
    steno_engine *one = engine_of(normal.model, 1, 24, 4, 0), *two = engine_of(normal.model, 2, 24, 4, 0);
    play(one, &b, 1);
    play(two, &c, 1);
    assert_same_log(&b, &a);
    assert_same_log(&c, &a);
    assert_true(a.segments > (SLOW_BUILD ? 4 : 10));
    close_at_rest(one);
    close_at_rest(two);
    track_free(&a);
    track_free(&b);
    track_free(&c);
    free(pcm);
}

/* ---- the published networks -------------------------------------------------------------------------------------- */

#define LIBRIVOX "/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-"

/* Appends 16-bit mono at 16 kHz behind a header of 44 bytes, and half a second of silence. */
static size_t append_recording(float *pcm, size_t at, size_t cap, const char *name) {
    char path[256];
    int16_t sample;
    snprintf(path, sizeof path, "%s%s.wav", LIBRIVOX, name);
    FILE *in = fopen(path, "rb");
    if (!in) return at;
    assert_int_equal(fseek(in, 44, SEEK_SET), 0);
    while (at < cap && fread(&sample, sizeof sample, 1, in) == 1) pcm[at++] = (float)sample / 32768.0f;
    fclose(in);
    return at + SECONDS(0.5) < cap ? at + SECONDS(0.5) : at;
}

/* Pauses are found, words come out, and the engine says what the plain recogniser says. */
static void published_networks(void **state) {
    (void)state;
    static const char *const names[] = {"0870", "0880", "0890", "0920", "0930"};
    steno_model *model = NULL;
    size_t cap = SECONDS(60), n = 0;
    float *pcm = calloc(cap, sizeof *pcm);
    for (size_t i = 0; i < (SLOW_BUILD ? 2 : 5); i++) n = append_recording(pcm, n, cap, names[i]);
    if (n == 0 || steno_model_open(NULL, &model) != STENO_OK) {
        print_message("skipped: %s\n", n ? steno_error_detail() : "no recordings in " LIBRIVOX "*");
        free(pcm);
        skip();
    }
    steno_vad_options vad = vad_of(true, 6.0f);
    vad.join_ms = 0;
    track want = track_of(pcm, n, vad), got[3] = {want, want, want};
    plain_play(model, &want);
    steno_engine *e = engine_of(model, 2, 3, 4, 0);
    got[1].chunk_seed = SEED;
    play(e, got, 3);
    for (int i = 0; i < 3; i++) assert_same_log(&got[i], &want);
    assert_true(want.segments >= (SLOW_BUILD ? 2 : 4));
    assert_non_null(strstr(want.log, "John Dashwood had then leisure to consider"));
    for (int i = 0; i < 3; i++) track_free(&got[i]);
    track_free(&want);
    close_at_rest(e);
    steno_model_close(model);
    free(pcm);
}

static int setup(void **state) {
    (void)state;
    fake_shape shape = fake_tiny;
    rig_open(&normal, &shape, SEED);
    shape.endless = true;
    rig_open(&endless, &shape, SEED);
    for (int i = 0; i < RECORDINGS; i++) {
        double longer_s = SLOW_BUILD ? 2.0 * i + 2.0 : 6.0 * i + 3.0;
        samples[i] = SECONDS(i == 3 ? 0.01 : i == 4 ? 1.0 : longer_s) + (size_t)(37 * i);
        recording[i] = fake_talk(samples[i], i % 2 || SLOW_BUILD ? 4.0 : 25.0, SEED + (unsigned)i);
    }
    return 0;
}

static int teardown(void **state) {
    (void)state;
    for (int i = 0; i < RECORDINGS; i++) free(recording[i]);
    rig_close(&normal);
    rig_close(&endless);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speech_and_pauses),
        cmocka_unit_test(short_segments),
        cmocka_unit_test(without_vad),
        cmocka_unit_test(texts_without_end),
        cmocka_unit_test(long_recording_over_shards),
        cmocka_unit_test(published_networks),
    };
    print_message("seed %u\n", SEED);
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, setup, teardown);
}
