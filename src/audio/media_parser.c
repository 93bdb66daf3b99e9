/* media_parser.c: bytes from a child that may be hostile -> samples, see media_int.h. Pure: no I/O, no allocation. */
#include "audio/media_int.h"

#include <math.h>
#include <string.h>

#define MAX_DURATION_HINT_S (1000.0 * 3600)

void media_parser_init(media_parser *p, int max_channels, double max_audio_s) {
    *p = (media_parser){.max_channels = (uint32_t)max_channels};
    p->frames_left = (uint64_t)(max_audio_s * MEDIA_RATE_HZ);
}

static double sane_seconds(double s) {
    return isfinite(s) && s > 0 && s < MAX_DURATION_HINT_S ? s : 0;
}

/* ---- samples ---------------------------------------------------------------------------------------------------- */

/* Copies n floats, clipped; false when one of them is NaN or infinite. Without branches, so that it vectorises. */
static bool copy_samples(const unsigned char *in, size_t n, float *out) {
    const uint32_t exponent = 0x7f800000u;
    uint32_t wild = 0;
    memcpy(out, in, n * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &out[i], sizeof bits);
        wild |= (uint32_t)((bits & exponent) == exponent);
        float v = out[i];
        v = v > 1.0f ? 1.0f : v;
        out[i] = v < -1.0f ? -1.0f : v;
    }
    return wild == 0;
}

/* ---- frames ----------------------------------------------------------------------------------------------------- */

static size_t refuse(media_parser *p, const char *why) {
    p->fault = why;
    return 0;
}

static size_t take_head(media_parser *p, const media_frame *f, const unsigned char *in, size_t n) {
    media_head head;
    if (p->channels) return refuse(p, "a second header");
    if (f->count != sizeof head) return refuse(p, "a header of a wrong size");
    if (n < sizeof *f + sizeof head) return 0;
    memcpy(&head, in + sizeof *f, sizeof head);
    if (head.channels < 1 || head.channels > p->max_channels) return refuse(p, "a wrong channel count");
    p->channels = (int)head.channels;
    p->duration_s = sane_seconds(head.duration_s);
    return sizeof *f + sizeof head;
}

static size_t take_data(media_parser *p, const media_frame *f) {
    if (!p->channels) return refuse(p, "samples before the header");
    if (f->count < 1 || f->count > MEDIA_MAX_CHUNK_FRAMES) return refuse(p, "a chunk of a wrong size");
    if (f->count > p->frames_left) return refuse(p, "more audio than was allowed");
    p->frames_left -= f->count;
    p->chunk_left = f->count;
    return sizeof *f;
}

static size_t take_end(media_parser *p, const media_frame *f, const unsigned char *in, size_t n) {
    media_end end;
    if (f->count != sizeof end) return refuse(p, "an end of a wrong size");
    if (n < sizeof *f + sizeof end) return 0;
    memcpy(&end, in + sizeof *f, sizeof end);
    if (end.outcome >= MEDIA_OUTCOMES) return refuse(p, "an unknown outcome");
    if (end.outcome == MEDIA_DONE && !p->channels) return refuse(p, "success without a header");
    end.promised_s = sane_seconds(end.promised_s);
    end.reached_s = sane_seconds(end.reached_s);
    p->end = end;
    media_clean_text(end.detail, sizeof end.detail, p->end.detail, sizeof p->end.detail);
    p->ended = true;
    return sizeof *f + sizeof end;
}

/* The next frame's head (and payload, but for DATA). 0: more bytes are needed, or they are refused. */
static size_t take_frame(media_parser *p, const unsigned char *in, size_t n) {
    media_frame f;
    if (n < sizeof f) return 0;
    memcpy(&f, in, sizeof f);
    if (f.magic != MEDIA_FRAME_MAGIC || f.zero != 0) return refuse(p, "a damaged frame");
    if (f.type == MEDIA_FRAME_HEAD) return take_head(p, &f, in, n);
    if (f.type == MEDIA_FRAME_DATA) return take_data(p, &f);
    if (f.type == MEDIA_FRAME_END) return take_end(p, &f, in, n);
    return refuse(p, "an unknown frame");
}

/* Samples of the current chunk; bytes consumed. */
static size_t take_samples(media_parser *p, const unsigned char *in, size_t n, float *out, size_t cap, size_t *got) {
    size_t frame_bytes = (size_t)p->channels * sizeof(float);
    size_t frames = p->channels > 0 ? n / frame_bytes : 0; /* no chunk opens before the header has said how many */
    if (frames > p->chunk_left) frames = p->chunk_left;
    if (frames > cap - *got) frames = cap - *got;
    if (frames == 0) return 0;
    if (!copy_samples(in, frames * (size_t)p->channels, out + *got * (size_t)p->channels)) {
        p->not_numbers = true;
        return 0;
    }
    p->chunk_left -= (uint32_t)frames;
    *got += frames;
    return frames * frame_bytes;
}

size_t media_parser_step(media_parser *p, const unsigned char *in, size_t n, float *out, size_t cap, size_t *got) {
    size_t used = 0;
    *got = 0;
    while (!p->fault && !p->not_numbers && !p->ended && (cap > 0 || !p->channels)) {
        size_t took =
            p->chunk_left ? take_samples(p, in + used, n - used, out, cap, got) : take_frame(p, in + used, n - used);
        if (took == 0) break;
        used += took;
    }
    return used;
}

/* ---- text ------------------------------------------------------------------------------------------------------- */

/* Bytes of the valid UTF-8 character at s (shortest form, no surrogates), or 0. */
static size_t utf8_bytes(const unsigned char *s, size_t n) {
    size_t length = s[0] < 0x80                   ? 1
                    : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
                    : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
                    : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                                  : 0;
    if (length == 0 || length > n) return 0;
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
    }
    if (s[0] == 0xe0 && s[1] < 0xa0) return 0;
    if (s[0] == 0xed && s[1] > 0x9f) return 0;
    if (s[0] == 0xf0 && s[1] < 0x90) return 0;
    if (s[0] == 0xf4 && s[1] > 0x8f) return 0;
    return length;
}

/* Control characters, and those that turn the direction of text round on a terminal. */
static bool invisible(const unsigned char *s, size_t length) {
    if (length == 1) return s[0] < 0x20 || s[0] == 0x7f;
    if (length == 2) return s[0] == 0xc2 && s[1] < 0xa0;
    if (length == 3 && s[0] == 0xe2)
        return (s[1] == 0x80 && (s[2] >= 0xa8 && s[2] <= 0xae)) || (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9);
    return false;
}

void media_clean_text(const char *text, size_t n, char *out, size_t cap) {
    const unsigned char *s = (const unsigned char *)text;
    size_t used = 0;
    for (size_t i = 0, step; i < n && s[i]; i += step) {
        size_t length = utf8_bytes(s + i, n - i);
        step = length ? length : 1;
        bool blank = length && invisible(s + i, length);
        size_t need = length && !blank ? length : 1;
        if (used + need >= cap) break;
        if (blank)
            out[used] = ' ';
        else if (length)
            memcpy(out + used, s + i, length);
        else
            out[used] = '?';
        used += need;
    }
    while (used > 0 && out[used - 1] == ' ') used--;
    out[used] = '\0';
}
