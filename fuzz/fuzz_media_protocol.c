/* fuzz_media_protocol.c: bytes that a hijacked child might write, through the parent's parser.
 *
 * The first two bytes choose how the rest is divided and how many channels are expected. Checked: counts stay within
 * their bounds, every sample handed out is finite and within -1..1, text is one printable line, and dividing the input
 * otherwise gives the same result.
 */
#include "audio/media_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_MAX_AUDIO_S 1
#define MAX_FRAMES       ((size_t)FUZZ_MAX_AUDIO_S * MEDIA_RATE_HZ)
#define MAX_CHANNELS     4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

typedef struct outcome {
    media_parser parser;
    size_t frames;
    float pcm[MAX_FRAMES * MAX_CHANNELS];
} outcome;

static void require(bool holds) {
    if (!holds) abort();
}

/* Offers `step` more bytes at a time and takes at most `cap` frames a call. */
static void feed(outcome *o, int max_channels, const uint8_t *data, size_t n, size_t step, size_t cap) {
    size_t at = 0, seen = 0, got;
    o->frames = 0;
    media_parser_init(&o->parser, max_channels, FUZZ_MAX_AUDIO_S);
    while (seen < n) {
        seen = n - seen > step ? seen + step : n;
        do {
            size_t room = MAX_FRAMES - o->frames;
            size_t offset = o->frames * (size_t)(o->parser.channels ? o->parser.channels : max_channels);
            size_t used =
                media_parser_step(&o->parser, data + at, seen - at, o->pcm + offset, cap < room ? cap : room, &got);
            require(used <= seen - at && got <= cap && got <= room);
            at += used;
            o->frames += got;
        } while (got > 0);
    }
}

static void check(const outcome *o, int max_channels) {
    const media_parser *p = &o->parser;
    require(p->channels >= 0 && p->channels <= max_channels);
    require(isfinite(p->duration_s) && p->duration_s >= 0);
    for (size_t i = 0; i < o->frames * (size_t)p->channels; i++) require(o->pcm[i] >= -1.0f && o->pcm[i] <= 1.0f);
    if (!p->ended) return;
    require(p->end.outcome < MEDIA_OUTCOMES && isfinite(p->end.promised_s) && isfinite(p->end.reached_s));
    require(memchr(p->end.detail, '\0', sizeof p->end.detail) != NULL);
    for (const char *c = p->end.detail; *c; c++) require((unsigned char)*c >= 0x20 && *c != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static outcome whole, pieces; /* 256 KiB each */
    if (n < 2) return 0;
    int max_channels = 1 + data[0] % MAX_CHANNELS;
    size_t step = 1 + (size_t)data[1] % 61;
    feed(&whole, max_channels, data + 2, n - 2, n, MAX_FRAMES);
    feed(&pieces, max_channels, data + 2, n - 2, step, 1 + step * 7);
    check(&whole, max_channels);
    check(&pieces, max_channels);
    require(whole.parser.ended == pieces.parser.ended && whole.parser.channels == pieces.parser.channels);
    require(whole.parser.not_numbers == pieces.parser.not_numbers);
    if (whole.parser.not_numbers) return 0; /* how much of the bad chunk came before may differ */
    require(whole.frames == pieces.frames);
    require(memcmp(whole.pcm, pieces.pcm, whole.frames * (size_t)whole.parser.channels * sizeof *whole.pcm) == 0);
    return 0;
}
