/* media_whole.c: see media_whole.h. */
#include "audio/media_whole.h"

#include "base/mem.h"

#include <openssl/crypto.h>

#include <poll.h>

#define LOOK_MS    100 /* how late somebody who wants this to stop is noticed */
#define PIECE      8192
#define ROOM_FIRST (30 * STENO_SAMPLE_RATE_HZ)

/* Not by mem_resize(): what the old block held is somebody's voice. */
static steno_err make_room(media_audio *a, size_t more) {
    size_t want = a->n + more, room = a->room ? a->room : ROOM_FIRST;
    if (want <= a->room) return STENO_OK;
    while (room < want) room *= 2;
    float *grown = mem_alloc(room, sizeof *grown);
    if (!grown) return err_fail(STENO_E_NOMEM, "no memory for %zu s of audio", room / STENO_SAMPLE_RATE_HZ);
    for (size_t i = 0; i < a->n; i++) grown[i] = a->pcm[i];
    size_t n = a->n;
    media_audio_free(a);
    *a = (media_audio){.pcm = grown, .n = n, .room = room};
    return STENO_OK;
}

static steno_err read_all(media *m, const char *path, const media_limits *limits, double max_s, const atomic_bool *stop,
                          media_audio *out) {
    size_t most = (size_t)(max_s * STENO_SAMPLE_RATE_HZ);
    for (;;) {
        size_t got = 0;
        struct pollfd wait = {.fd = media_fd(m), .events = POLLIN};
        /* until the count is known, room for as many channels as there may be */
        ERR_TRY(make_room(out, PIECE * (size_t)limits->max_channels));
        steno_err e = media_read(m, out->pcm + out->n, PIECE, &got);
        out->n += got;
        if (stop && atomic_load(stop)) return err_fail(STENO_E_CANCELLED, "%s: given up", path);
        if (out->n > most) return err_fail(STENO_E_LIMIT, "%s: more than %g s of audio", path, max_s);
        if (e == STENO_E_AGAIN) {
            (void)poll(&wait, 1, LOOK_MS);
            continue;
        }
        if (e != STENO_OK || got == 0) return e;
    }
}

steno_err media_append(media_host *h, const char *path, const media_limits *limits, double max_s,
                       const atomic_bool *stop, media_audio *out) {
    media *m;
    ERR_TRY(media_open(h, path, MEDIA_MIX, limits, &m));
    steno_err e = read_all(m, path, limits, max_s, stop, out);
    media_close(m);
    return e;
}

steno_err media_append_silence(media_audio *out, double seconds) {
    size_t n = (size_t)(seconds * STENO_SAMPLE_RATE_HZ);
    ERR_TRY(make_room(out, n));
    for (size_t i = 0; i < n; i++) out->pcm[out->n++] = 0;
    return STENO_OK;
}

void media_audio_free(media_audio *a) {
    if (a->pcm) OPENSSL_cleanse(a->pcm, a->room * sizeof *a->pcm);
    mem_free(a->pcm);
    *a = (media_audio){0};
}
