/* fuzz_media.c: container and codec bytes through the function that the confined child runs, in this process.
 *
 * The last byte chooses mixing or splitting and the rest is the file. Checked: no crash, samples only after a header,
 * chunk sizes within their bound, never more than the limit of output, and an outcome that exists.
 */
#include "audio/media_int.h"
#include "audio/media_probe.h"

#include <stdlib.h>
#include <string.h>

#define FUZZ_MAX_AUDIO_S  20.0
#define FUZZ_MAX_CHANNELS 8

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static probe_table table; /* filled once, before the first input */

typedef struct file {
    const uint8_t *bytes;
    size_t n;
} file;

typedef struct heard {
    int channels;
    uint64_t frames;
} heard;

static void require(bool holds) {
    if (!holds) abort();
}

static long read_at(void *ctx, void *buf, size_t n, int64_t offset) {
    const file *f = ctx;
    require(offset >= 0);
    if ((uint64_t)offset >= f->n) return 0;
    if (n > f->n - (size_t)offset) n = f->n - (size_t)offset;
    memcpy(buf, f->bytes + offset, n);
    return (long)n;
}

static bool on_head(void *ctx, int channels, double duration_s) {
    heard *h = ctx;
    require(h->channels == 0 && channels >= 1 && channels <= FUZZ_MAX_CHANNELS && duration_s >= 0);
    h->channels = channels;
    return true;
}

static bool on_data(void *ctx, const float *pcm, int frames) {
    heard *h = ctx;
    float sum = 0;
    require(h->channels > 0 && frames > 0 && frames * h->channels <= MEDIA_CHUNK_FLOATS);
    for (int i = 0; i < frames * h->channels; i++) sum += pcm[i]; /* every sample can be read */
    (void)sum;
    h->frames += (uint64_t)frames;
    return true;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    media_decode_setup(&table);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n < 2) return 0;
    file f = {data, n - 1};
    heard h = {0};
    media_end end;
    media_job job = {data[n - 1] & 1 ? MEDIA_SPLIT : MEDIA_MIX, FUZZ_MAX_CHANNELS, FUZZ_MAX_AUDIO_S, &table};
    media_source source = {read_at, &f, (int64_t)f.n};
    media_sink sink = {on_head, on_data, &h};
    media_decode(&job, &source, &sink, &end);
    require(end.outcome < MEDIA_OUTCOMES && memchr(end.detail, '\0', sizeof end.detail));
    require(h.frames <= (uint64_t)(FUZZ_MAX_AUDIO_S * MEDIA_RATE_HZ));
    require(end.outcome != MEDIA_DONE || h.channels > 0);
    return 0;
}
