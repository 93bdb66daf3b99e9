/* openai_known.c: see openai_known.h. */
#include "api/openai_known.h"

#include "api/service_int.h"
#include "audio/media_whole.h"
#include "base/mem.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXTRA_S 0.5 /* a reference may be a little longer than its limit: encoders pad */

struct openai_known {
    work head; /* first */
    service *service;
    engine_slot *slot; /* its model is in use */
    int fds[OPENAI_KNOWN_MAX], n;
    char names[OPENAI_KNOWN_MAX][STENO_VOICE_NAME_BYTES];
    steno_voice voices[OPENAI_KNOWN_MAX];
    openai_known_done *done; /* NULL: cancelled */
    void *user;
    atomic_bool stop;
};

/* ---- data URLs -------------------------------------------------------------------------------------------------- */

/* "data:audio/wav;base64,UklGR…": the type is not looked at, the bytes say what they are. */
size_t openai_data_url(char *text, size_t n, char **bytes) {
    static const char mark[] = ";base64";
    char *comma = n > 5 && strncasecmp(text, "data:", 5) == 0 ? memchr(text, ',', n) : NULL;
    size_t head = comma ? (size_t)(comma - text) : 0, mark_bytes = sizeof mark - 1;
    if (!comma || head < 5 + mark_bytes || strncasecmp(comma - mark_bytes, mark, mark_bytes) != 0) return 0;
    char *at = comma + 1;
    size_t len = n - head - 1, pad = 0;
    while (len > 0 && (at[len - 1] == '\n' || at[len - 1] == '\r')) len--;
    while (pad < 2 && pad < len && at[len - 1 - pad] == '=') pad++;
    if (len == 0 || len % 4 != 0 || len > OPENAI_REFERENCE_BYTES_MAX || memchr(at, '=', len - pad)) return 0;
    /* In place: three bytes never overtake the four characters they come from. */
    int made = EVP_DecodeBlock((unsigned char *)at, (const unsigned char *)at, (int)len);
    if (made <= (int)pad) return 0;
    *bytes = at;
    return (size_t)made - pad;
}

/* ---- on the thread ---------------------------------------------------------------------------------------------- */

static steno_err read_all(int fd, char **out, size_t *n) {
    struct stat st;
    if (fstat(fd, &st) != 0) return err_fail(STENO_E_IO, "a reference cannot be read: %s", strerror(errno));
    if (st.st_size <= 0 || (uint64_t)st.st_size > OPENAI_REFERENCE_BYTES_MAX)
        return err_fail(STENO_E_INVALID, "it is empty, or longer than %zu bytes", OPENAI_REFERENCE_BYTES_MAX);
    size_t size = (size_t)st.st_size, at = 0;
    char *text = mem_alloc(1, size);
    if (!text) return err_fail(STENO_E_NOMEM, "no memory for %zu bytes", size);
    while (at < size) {
        ssize_t got = pread(fd, text + at, size - at, (off_t)at);
        if (got <= 0 && errno != EINTR) break;
        at += got > 0 ? (size_t)got : 0;
    }
    *out = text;
    *n = at;
    return STENO_OK;
}

/* A file without a name, for the decoder. -1: none can be made. */
static int in_memory(const char *bytes, size_t n) {
    int fd = memfd_create("reference", MFD_CLOEXEC);
    size_t at = 0;
    while (fd != -1 && at < n) {
        ssize_t put = write(fd, bytes + at, n - at);
        if (put <= 0 && errno != EINTR) break;
        at += put > 0 ? (size_t)put : 0;
    }
    if (fd == -1 || at == n) return fd;
    close(fd);
    return -1;
}

static steno_err decode(openai_known *k, int fd, media_audio *out) {
    char *text = NULL, *bytes = NULL, path[32];
    size_t n = 0;
    ERR_TRY(read_all(fd, &text, &n));
    n = openai_data_url(text, n, &bytes);
    int file = n ? in_memory(bytes, n) : -1;
    mem_free(text);
    if (n == 0) return err_fail(STENO_E_INVALID, "want a data URL: data:audio/wav;base64,…");
    if (file == -1) return err_fail(STENO_E_NOMEM, "no memory for a reference");
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    const service_config *c = &k->service->config;
    steno_err e = media_append(c->media, path, &c->media_limits, OPENAI_REFERENCE_MAX_S + EXTRA_S, &k->stop, out);
    close(file);
    if (e == STENO_E_LIMIT) return err_fail(STENO_E_INVALID, "it is longer than %g s", OPENAI_REFERENCE_MAX_S);
    return e == STENO_E_FORMAT || e == STENO_E_UNSUPPORTED ? err_fail(STENO_E_INVALID, "it is no audio") : e;
}

/* A few seconds are enough here: nothing is promised of them but in this one recording. */
static steno_err listen_to(openai_known *k, int i) {
    media_audio audio = {0};
    steno_enrolment found = {0};
    steno_err e = decode(k, k->fds[i], &audio);
    if (e == STENO_OK) e = steno_voice_enrol(k->slot->model, audio.pcm, audio.n, &found);
    media_audio_free(&audio);
    if (e == STENO_E_INVALID && found.speech_s >= OPENAI_REFERENCE_MIN_S) e = STENO_OK;
    if (e != STENO_OK) return e;
    if (found.speech_s < OPENAI_REFERENCE_MIN_S)
        return err_fail(STENO_E_INVALID, "%.1f s of speech in it: want %g", found.speech_s, OPENAI_REFERENCE_MIN_S);
    k->voices[i] = found.voice;
    snprintf(k->voices[i].name, sizeof k->voices[i].name, "%s", k->names[i]);
    OPENSSL_cleanse(&found, sizeof found);
    return STENO_OK;
}

static steno_err run(work *w, db *d) {
    openai_known *k = (openai_known *)w;
    (void)d;
    for (int i = 0; i < k->n && !atomic_load(&k->stop); i++) {
        char why[ERR_DETAIL_BYTES];
        steno_err e = listen_to(k, i);
        if (e == STENO_OK) continue;
        snprintf(why, sizeof why, "%s", steno_error_detail());
        return err_fail(e, "known_speaker_references[%d]: %.200s", i, why);
    }
    return STENO_OK;
}

/* ---- on the network's thread ------------------------------------------------------------------------------------ */

static void known_free(openai_known *k) {
    for (int i = 0; i < k->n; i++) close(k->fds[i]);
    OPENSSL_cleanse(k->voices, sizeof k->voices);
    mem_free(k);
}

static void on_done(work *w) {
    openai_known *k = (openai_known *)w;
    k->slot->streams--;
    k->service->known_waiting--;
    if (k->done) k->done(k->user, k->voices, k->n, w->error, w->why);
    known_free(k);
}

static void on_readable(void *ctx) {
    service *v = ctx;
    worker_deliver(v->known);
}

static steno_err start_thread(service *v) {
    if (v->known) return STENO_OK;
    ERR_TRY(worker_open(NULL, &v->known));
    v->known_watch = net_watch_open(v->net, worker_fd(v->known), on_readable, v);
    if (v->known_watch) return STENO_OK;
    worker_close(v->known);
    v->known = NULL;
    return err_fail(STENO_E_NOMEM, "no memory for a watch");
}

steno_err openai_known_start(service *v, const openai_options *names, int fds[OPENAI_KNOWN_MAX], int n,
                             openai_known_done *done, void *user, openai_known **out) {
    steno_err e = v->known_waiting < OPENAI_KNOWN_QUEUE_MAX
                      ? start_thread(v)
                      : err_fail(STENO_E_LIMIT, "%d requests with known speakers wait already", v->known_waiting);
    openai_known *k = e == STENO_OK ? mem_alloc(1, sizeof *k) : NULL;
    if (!k) {
        for (int i = 0; i < n; i++) close(fds[i]);
        return e != STENO_OK ? e : err_fail(STENO_E_NOMEM, "no memory for known speakers");
    }
    *k = (openai_known){.head = {.run = run, .done = on_done}, .service = v, .slot = v->slots, .n = n};
    k->done = done;
    k->user = user;
    for (int i = 0; i < n; i++) {
        k->fds[i] = fds[i];
        memcpy(k->names[i], names->known[i], sizeof k->names[i]);
    }
    if (!worker_put(v->known, &k->head)) {
        known_free(k);
        return err_fail(STENO_E_LIMIT, "too many requests with known speakers wait already");
    }
    k->slot->streams++;
    v->known_waiting++;
    *out = k;
    return STENO_OK;
}

void openai_known_cancel(openai_known *k) {
    k->done = NULL;
    atomic_store(&k->stop, true);
}

void openai_known_stop(service *v) {
    if (v->known_watch) net_watch_close(v->known_watch);
    v->known_watch = NULL;
    worker_close(v->known);
    v->known = NULL;
}
