/* media_child.c: one file's child: confines itself, decodes descriptor 0 and writes frames to descriptor 1.
 *
 * Owner: the process forked for one file; it lives in this function and ends by _exit(), because exit handlers belong to
 * libraries that are not mapped any more. Nothing here is trusted by the parent.
 */
#include "audio/confine.h"
#include "audio/media_int.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* A chunk goes out with its frame in front in one write. */
typedef struct outbox {
    int channels;
    struct {
        media_frame frame;
        float pcm[MEDIA_CHUNK_FLOATS];
    } packet;
} outbox;

static bool write_all(const void *bytes, size_t n) {
    const char *at = bytes;
    while (n > 0) {
        ssize_t put = write(CONFINE_OUT_FD, at, n);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        at += put;
        n -= (size_t)put;
    }
    return true;
}

static bool send_head(void *ctx, int channels, double duration_s) {
    outbox *box = ctx;
    struct {
        media_frame frame;
        media_head head;
    } packet = {{MEDIA_FRAME_MAGIC, MEDIA_FRAME_HEAD, sizeof(media_head), 0}, {(uint32_t)channels, 0, duration_s}};
    box->channels = channels;
    return write_all(&packet, sizeof packet);
}

static bool send_data(void *ctx, const float *pcm, int frames) {
    outbox *box = ctx;
    size_t bytes = (size_t)frames * (size_t)box->channels * sizeof *pcm;
    box->packet.frame = (media_frame){MEDIA_FRAME_MAGIC, MEDIA_FRAME_DATA, (uint32_t)frames, 0};
    memcpy(box->packet.pcm, pcm, bytes);
    return write_all(&box->packet, sizeof box->packet.frame + bytes);
}

static void send_end(const media_end *end) {
    struct {
        media_frame frame;
        media_end end;
    } packet = {{MEDIA_FRAME_MAGIC, MEDIA_FRAME_END, sizeof *end, 0}, *end};
    (void)write_all(&packet, sizeof packet);
}

static long read_input(void *ctx, void *buf, size_t n, int64_t offset) {
    (void)ctx;
    ssize_t got;
    do got = pread(CONFINE_IN_FD, buf, n, offset);
    while (got < 0 && errno == EINTR);
    return got;
}

_Noreturn void media_child_run(const media_request *request, const media_prepared *prepared) {
    confine_limits limits = {.cpu_s = request->max_cpu_s};
    if (__builtin_add_overflow(prepared->base_memory_bytes, request->max_memory_bytes, &limits.address_space_bytes))
        limits.address_space_bytes = SIZE_MAX;
    if (confine_enter(prepared->filter, &limits) != STENO_OK) _exit(MEDIA_EXIT_UNCONFINED);
    outbox *box = mem_alloc(1, sizeof *box);
    media_end end = {.outcome = MEDIA_NO_MEMORY};
    media_job job = {.channels = request->channels == MEDIA_SPLIT ? MEDIA_SPLIT : MEDIA_MIX,
                     .max_channels = (int)request->max_channels,
                     .max_audio_s = request->max_audio_s,
                     .table = prepared->table};
    media_source source = {.read_at = read_input, .bytes = request->input_bytes};
    media_sink sink = {.head = send_head, .data = send_data, .ctx = box};
    if (box) media_decode(&job, &source, &sink, &end);
    send_end(&end);
    _exit(MEDIA_EXIT_OK);
}
