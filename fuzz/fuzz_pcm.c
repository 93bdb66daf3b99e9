/* fuzz_pcm.c: any bytes in any encoding, at any rate, cut anywhere: chunked equals whole, nothing leaves its range.
 *
 * The first six bytes choose the format and seed the cuts; the rest is audio. Half of the inputs of floats are made finite,
 * so that they get further than the first sample that is no number.
 */
#include "audio/pcm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

#define FILTER_TAPS 32 /* as pcm.c has it */
#define MAX_BYTES   16384
#define MAX_OUT     (2 * MAX_BYTES + 2 * PCM_OUT_MAX) /* twice as many samples at most, and what the filter holds */

typedef struct heard {
    float out[MAX_OUT];
    size_t n, frames;
    bool refused;
} heard;

static heard whole, cut;

static void check_out(const float *out, size_t n) {
    CHECK(n <= PCM_OUT_MAX);
    for (size_t i = 0; i < n; i++) CHECK(out[i] >= -1.0f && out[i] <= 1.0f);
}

/* One piece, in memory of its exact size. */
static bool push(pcm *p, heard *h, const uint8_t *bytes, size_t n) {
    size_t got, frames;
    pcm before = *p;
    uint8_t *piece = malloc(n ? n : 1);
    CHECK(piece);
    memcpy(piece, bytes, n);
    steno_err e = pcm_push(p, piece, n, h->out + h->n, &got, &frames);
    free(piece);
    if (e != STENO_OK) {
        CHECK(e == STENO_E_FORMAT && p->format.encoding == PCM_F32LE && steno_error_detail()[0]);
        CHECK(p->n_carry == before.n_carry && memcmp(p->carry, before.carry, before.n_carry) == 0);
        h->refused = true;
        return false;
    }
    check_out(h->out + h->n, got);
    CHECK(p->n_carry < pcm_frame_bytes(&p->format));
    h->n += got;
    h->frames += frames;
    return true;
}

/* Everything, in pieces up to `most` bytes long; seed 0: all of them that long. */
static void hear(const pcm_format *format, const uint8_t *bytes, size_t n, size_t most, uint32_t seed, heard *h) {
    pcm p = {.format = *format};
    size_t got;
    h->n = h->frames = 0;
    h->refused = false;
    for (size_t at = 0, piece; at < n; at += piece) {
        seed = seed * 1664525u + 1013904223u * (seed != 0);
        piece = seed ? (seed >> 8) % (most + 1) : most;
        if (piece > n - at) piece = n - at;
        if (!push(&p, h, bytes + at, piece)) break;
    }
    if (!h->refused) CHECK(h->frames * pcm_frame_bytes(format) + p.n_carry == n);
    pcm_drop_carry(&p);
    CHECK(pcm_flush(&p, h->out + h->n, &got) == STENO_OK);
    check_out(h->out + h->n, got);
    h->n += got;
    pcm_free(&p);
}

static void make_finite(uint8_t *bytes, size_t n) {
    for (size_t i = 3; i < n; i += 4) bytes[i] &= 0xbf; /* the exponent's first bit */
}

/* Times do not shift; what is shorter than the filter may lose samples at its end. */
static void check_length(const pcm_format *f, const heard *h) {
    double ratio = (double)STENO_SAMPLE_RATE_HZ / f->rate_hz, want = (double)h->frames * ratio;
    double filter_frames = ratio < 1.0 ? FILTER_TAPS / ratio : FILTER_TAPS;
    CHECK((double)h->n <= want + 2.0);
    CHECK((double)h->n >= want - 2.0 || (double)h->frames <= filter_frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int rates[] = {8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000};
    if (size < 6 || size - 6 > MAX_BYTES) return 0;
    pcm_format f = {.encoding = (pcm_encoding)(data[0] % 4), .channels = 1 + data[0] / 4 % 2};
    size_t n = size - 6, most = 1 + data[5] * 16u;
    f.rate_hz =
        data[1] < 128 ? rates[data[1] % 8] : PCM_MIN_HZ + (data[1] << 8 | data[2]) % (PCM_MAX_HZ - PCM_MIN_HZ + 1);
    uint32_t seed = (uint32_t)(data[3] << 8 | data[4]);
    uint8_t *bytes = malloc(n ? n : 1);
    CHECK(bytes);
    memcpy(bytes, data + 6, n);
    if (f.encoding == PCM_F32LE && data[0] & 8) make_finite(bytes, n);
    hear(&f, bytes, n, PCM_PIECE_BYTES_MAX, 0, &whole);
    hear(&f, bytes, n, most, seed, &cut);
    free(bytes);
    CHECK(whole.refused == cut.refused); /* which pieces came before differs */
    if (whole.refused) return 0;
    CHECK(whole.n == cut.n && whole.frames == cut.frames);
    CHECK(whole.n == 0 || memcmp(whole.out, cut.out, whole.n * sizeof(float)) == 0);
    check_length(&f, &whole);
    return 0;
}
