/* bench_corpus.c: see bench_corpus.h. */
#include "cmd/bench_corpus.h"

#include "audio/media.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define READ_SAMPLES     4096
#define FRAME_SAMPLES    (STENO_SAMPLE_RATE_HZ * BENCH_TRIM_FRAME_MS / 1000)
#define KEEP_SAMPLES     ((size_t)STENO_SAMPLE_RATE_HZ * BENCH_TRIM_KEEP_MS / 1000)
#define CLIP_SAMPLES_MIN 1600 /* 100 ms: shorter ones are left out */

/* ---- which recordings ------------------------------------------------------------------------------------------- */

static bool is_recording(const char *name) {
    static const char *const extensions[] = {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".webm"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof extensions / sizeof extensions[0]; i++) {
        if (strcasecmp(dot, extensions[i]) == 0) return true;
    }
    return false;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static steno_err list_folder(const char *dir, cli_paths *paths) {
    DIR *d = opendir(dir);
    if (!d) return err_fail(STENO_E_IO, "%s: %s", dir, strerror(errno));
    steno_err e = STENO_OK;
    char path[CLI_PATH_BYTES_MAX];
    for (const struct dirent *entry; e == STENO_OK && (entry = readdir(d));) {
        if (!is_recording(entry->d_name)) continue;
        int n = snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        if (n > 0 && (size_t)n < sizeof path) e = cli_paths_add(paths, path);
    }
    closedir(d);
    if (paths->n > 1) qsort(paths->path, paths->n, sizeof *paths->path, by_name);
    return e;
}

static steno_err list_recordings(const char *where, cli_paths *paths) {
    struct stat st;
    if (stat(where, &st) != 0) return err_fail(STENO_E_NOT_FOUND, "%s: %s", where, strerror(errno));
    return S_ISDIR(st.st_mode) ? list_folder(where, paths) : cli_paths_read(paths, where, false);
}

/* ---- silence at the ends ---------------------------------------------------------------------------------------- */

static double energy(const int16_t *pcm, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)pcm[i] * pcm[i];
    return sum / (double)n;
}

void bench_trim(const int16_t *pcm, size_t n, size_t *from, size_t *to) {
    size_t frames = n / FRAME_SAMPLES, first = 0, last = frames;
    double loudest = 0;
    *from = 0;
    *to = n;
    for (size_t i = 0; i < frames; i++) loudest = fmax(loudest, energy(pcm + i * FRAME_SAMPLES, FRAME_SAMPLES));
    if (loudest <= 0) return;
    double limit = loudest * pow(10, BENCH_TRIM_DB / 10);
    while (first < frames && energy(pcm + first * FRAME_SAMPLES, FRAME_SAMPLES) < limit) first++;
    while (last > first && energy(pcm + (last - 1) * FRAME_SAMPLES, FRAME_SAMPLES) < limit) last--;
    size_t begin = first * FRAME_SAMPLES, end = last * FRAME_SAMPLES + KEEP_SAMPLES;
    *from = begin > KEEP_SAMPLES ? begin - KEEP_SAMPLES : 0;
    if (end < n) *to = end;
}

/* ---- decoding --------------------------------------------------------------------------------------------------- */

typedef struct reader {
    media_host *host;
    int16_t *pcm; /* owned [cap]: the recording being read */
    size_t n, cap;
    float chunk[READ_SAMPLES];
} reader;

static steno_err keep_chunk(reader *r, size_t n) {
    if (r->n + n > r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 1 << 18;
        int16_t *grown = mem_resize(r->pcm, r->cap * sizeof *grown, cap * sizeof *grown);
        if (!grown) return err_fail(STENO_E_NOMEM, "no memory for a recording");
        r->pcm = grown;
        r->cap = cap;
    }
    for (size_t i = 0; i < n; i++) r->pcm[r->n + i] = (int16_t)lrintf(r->chunk[i] * 32767.0f);
    r->n += n;
    return STENO_OK;
}

static void wait_for(const media *m) {
    struct pollfd fd = {.fd = media_fd(m), .events = POLLIN};
    (void)poll(&fd, 1, -1);
}

/* The channel count is known only after a first read, without room: then samples come. */
static steno_err read_recording(reader *r, media *m) {
    for (;;) {
        size_t cap = media_channel_count(m) ? READ_SAMPLES : 0, got = 0;
        steno_err e = media_read(m, r->chunk, cap, &got);
        if (e == STENO_E_AGAIN) {
            wait_for(m);
            continue;
        }
        if (e != STENO_OK || (cap > 0 && got == 0)) return e;
        ERR_TRY(keep_chunk(r, got));
    }
}

static steno_err decode(reader *r, const char *path) {
    media *m;
    media_limits limits;
    media_limits_init(&limits);
    limits.max_audio_s = (double)BENCH_CORPUS_SAMPLES_MAX / STENO_SAMPLE_RATE_HZ;
    r->n = 0;
    ERR_TRY(media_open(r->host, path, MEDIA_MIX, &limits, &m));
    steno_err e = read_recording(r, m);
    media_close(m);
    return e;
}

static steno_err add_clip(bench_corpus *c, const reader *r, bool trim) {
    size_t from = 0, to = r->n;
    if (trim) bench_trim(r->pcm, r->n, &from, &to);
    if (to - from < CLIP_SAMPLES_MIN) return STENO_OK;
    int16_t *copy = mem_alloc(to - from, sizeof *copy);
    if (!copy) return err_fail(STENO_E_NOMEM, "no memory for the corpus");
    memcpy(copy, r->pcm + from, (to - from) * sizeof *copy);
    c->clips[c->n++] = (bench_clip){copy, to - from};
    c->audio_s += (double)(to - from) / STENO_SAMPLE_RATE_HZ;
    c->trimmed_s += (double)(r->n - (to - from)) / STENO_SAMPLE_RATE_HZ;
    return STENO_OK;
}

static steno_err read_all(const cli_paths *paths, bool trim, reader *r, bench_corpus *c) {
    c->clips = mem_alloc(paths->n, sizeof *c->clips);
    if (!c->clips) return err_fail(STENO_E_NOMEM, "no memory for a corpus of %zu recordings", paths->n);
    for (size_t i = 0; i < paths->n; i++) {
        if (c->audio_s * STENO_SAMPLE_RATE_HZ >= (double)BENCH_CORPUS_SAMPLES_MAX) {
            c->left_out = paths->n - i;
            break;
        }
        steno_err e = decode(r, paths->path[i]);
        if (e == STENO_E_NOMEM) return e;
        if (e != STENO_OK) cli_complain(paths->path[i], steno_error_detail());
        c->failed += e != STENO_OK;
        if (e == STENO_OK) ERR_TRY(add_clip(c, r, trim));
    }
    return STENO_OK;
}

steno_err bench_corpus_read(const char *where, bool trim, bench_corpus *out) {
    cli_paths paths = {0};
    reader r = {0};
    *out = (bench_corpus){0};
    steno_err e = list_recordings(where, &paths);
    if (e == STENO_OK && paths.n == 0) e = err_fail(STENO_E_NOT_FOUND, "%s: no recordings there", where);
    if (e == STENO_OK) e = media_host_start(NULL, &r.host);
    if (e == STENO_OK) e = read_all(&paths, trim, &r, out);
    if (e == STENO_OK && out->n == 0) e = err_fail(STENO_E_FORMAT, "%s: no recording there could be used", where);
    if (r.host) media_host_stop(r.host);
    mem_free(r.pcm);
    cli_paths_free(&paths);
    if (e != STENO_OK) bench_corpus_free(out);
    return e;
}

void bench_corpus_free(bench_corpus *c) {
    for (size_t i = 0; i < c->n; i++) mem_free(c->clips[i].pcm);
    mem_free(c->clips);
    *c = (bench_corpus){0};
}

/* ---- talk ------------------------------------------------------------------------------------------------------- */

uint32_t bench_random(uint64_t *state, uint32_t below) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(((*state >> 32) * below) >> 32);
}

static void next_clip(bench_talk *t) {
    t->clip = bench_random(&t->random, (uint32_t)t->corpus->n);
    t->at = 0;
}

/* The gap behind the clip that has just ended. */
static size_t gap_samples(bench_talk *t) {
    if (t->gaps.talk_share <= 0) return (size_t)t->gaps.gap_ms * STENO_SAMPLE_RATE_HZ / 1000;
    double mean = (double)t->corpus->clips[t->clip].n * (1 - t->gaps.talk_share) / t->gaps.talk_share;
    return (size_t)(mean * (0.5 + (double)bench_random(&t->random, 1000) / 1000));
}

void bench_talk_init(bench_talk *t, const bench_corpus *corpus, const bench_gaps *gaps, uint64_t seed) {
    *t = (bench_talk){.corpus = corpus, .gaps = *gaps, .random = seed * 0x9e3779b97f4a7c15u + 1};
    (void)bench_random(&t->random, 1);
    next_clip(t);
    if (gaps->talk_share > 0) t->gap_left = bench_random(&t->random, (uint32_t)gap_samples(t) + 1);
}

static size_t copy_clip(bench_talk *t, int16_t *out, size_t n) {
    const bench_clip *clip = &t->corpus->clips[t->clip];
    size_t m = clip->n - t->at < n ? clip->n - t->at : n;
    memcpy(out, clip->pcm + t->at, m * sizeof *out);
    t->at += m;
    if (t->at < clip->n) return m;
    t->gap_left = gap_samples(t);
    next_clip(t);
    return m;
}

void bench_talk_next(bench_talk *t, int16_t *out, size_t n) {
    for (size_t done = 0; done < n;) {
        if (t->gap_left == 0) {
            done += copy_clip(t, out + done, n - done);
            continue;
        }
        size_t m = t->gap_left < n - done ? t->gap_left : n - done;
        for (size_t i = 0; i < m; i++) out[done + i] = (int16_t)((int)bench_random(&t->random, 3) - 1);
        t->gap_left -= m;
        t->silent += m;
        done += m;
    }
}
