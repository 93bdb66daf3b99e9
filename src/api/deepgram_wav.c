/* deepgram_wav.c: see deepgram_wav.h. */
#include "api/deepgram_wav.h"

#include "api/deepgram_query.h"

#include <string.h>

#define RIFF_BYTES   12
#define CHUNK_BYTES  8
#define FORMAT_BYTES 16
#define ENDLESS      0x7fffff00u /* a length like this means that the writer did not know it */
#define EXTENSIBLE   0xfffe

static unsigned le16(const unsigned char *p) {
    return (unsigned)(p[0] | p[1] << 8);
}

static uint32_t le32(const unsigned char *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Keeps bytes until there are `want`; false: more is needed. */
static bool keep(deepgram_wav *w, const unsigned char **bytes, size_t *n, unsigned want) {
    while (w->n_kept<want && * n> 0) {
        w->kept[w->n_kept++] = *(*bytes)++;
        (*n)--;
    }
    return w->n_kept == want;
}

/* ---- headers ---------------------------------------------------------------------------------------------------- */

static const char *guess(const unsigned char *p) {
    static const unsigned char ebml[] = {0x1a, 0x45, 0xdf, 0xa3};
    if (memcmp(p, "OggS", 4) == 0) return "Ogg";
    if (memcmp(p, ebml, 4) == 0) return "WebM";
    if (memcmp(p, "fLaC", 4) == 0) return "FLAC";
    if (memcmp(p, "ID3", 3) == 0 || (p[0] == 0xff && (p[1] & 0xe0) == 0xe0)) return "MPEG audio";
    if (memcmp(p + 4, "ftyp", 4) == 0) return "MP4";
    return NULL;
}

static steno_err read_riff(deepgram_wav *w) {
    const unsigned char *p = w->kept;
    if ((memcmp(p, "RIFF", 4) == 0 || memcmp(p, "RF64", 4) == 0) && memcmp(p + 8, "WAVE", 4) == 0) {
        w->state = WAV_CHUNK;
        w->n_kept = 0;
        return STENO_OK;
    }
    const char *seems = guess(p);
    return err_fail(
        STENO_E_FORMAT,
        "no encoding was given, and the stream is no WAV file%s%s; send samples and name encoding and sample_rate",
        seems ? " but seems to be " : "", seems ? seems : "");
}

static bool take_encoding(pcm_format *f, unsigned tag, unsigned bits) {
    if (tag == 1 && bits == 16)
        f->encoding = PCM_S16LE;
    else if (tag == 3 && bits == 32)
        f->encoding = PCM_F32LE;
    else if (tag == 6 && bits == 8)
        f->encoding = PCM_ALAW;
    else if (tag == 7 && bits == 8)
        f->encoding = PCM_MULAW;
    else
        return false;
    return true;
}

static steno_err read_format(deepgram_wav *w) {
    const unsigned char *p = w->kept;
    unsigned tag = le16(p), channels = le16(p + 2), bits = le16(p + 14);
    uint32_t rate_hz = le32(p + 4);
    pcm_format f = {.rate_hz = (int)rate_hz, .channels = (int)channels};
    if (tag == EXTENSIBLE && w->n_kept >= 26) tag = le16(p + 24);
    if (!take_encoding(&f, tag, bits))
        return err_fail(STENO_E_UNSUPPORTED, "a WAV file of %u-bit samples in format %u is not for live streams", bits,
                        tag);
    if (rate_hz < PCM_MIN_HZ || rate_hz > PCM_MAX_HZ || channels < 1 || channels > DEEPGRAM_CHANNELS_MAX)
        return err_fail(STENO_E_UNSUPPORTED, "a WAV file with %u channels at %u Hz is not for live streams", channels,
                        rate_hz);
    if (w->known && memcmp(&f, &w->format, sizeof f) != 0)
        return err_fail(STENO_E_UNSUPPORTED, "the format changes within the stream");
    w->format = f;
    w->known = true;
    return STENO_OK;
}

/* ---- chunks ----------------------------------------------------------------------------------------------------- */

static steno_err begin_format(deepgram_wav *w, uint32_t length) {
    if (length < FORMAT_BYTES) return err_fail(STENO_E_FORMAT, "a WAV file whose format is %u bytes long", length);
    w->state = WAV_FORMAT;
    w->left = length;
    return STENO_OK;
}

static steno_err begin_data(deepgram_wav *w, uint32_t length) {
    if (!w->known) return err_fail(STENO_E_FORMAT, "a WAV file whose samples come before their format");
    w->state = WAV_DATA;
    w->left = length == 0 || length >= ENDLESS ? UINT64_MAX : length;
    return STENO_OK;
}

static steno_err begin_chunk(deepgram_wav *w) {
    uint32_t length = le32(w->kept + 4);
    w->n_kept = 0;
    w->pad = length & 1;
    if (memcmp(w->kept, "fmt ", 4) == 0) return begin_format(w, length);
    if (memcmp(w->kept, "data", 4) == 0) return begin_data(w, length);
    w->state = WAV_SKIP;
    w->left = length;
    return STENO_OK;
}

/* Another file begins where a chunk might. */
static bool is_file(deepgram_wav *w) {
    if (memcmp(w->kept, "RIFF", 4) != 0 && memcmp(w->kept, "RF64", 4) != 0) return false;
    w->state = WAV_RIFF;
    return true;
}

static void end_chunk(deepgram_wav *w) {
    w->n_kept = 0;
    w->left = w->pad;
    w->pad = false;
    w->state = w->left ? WAV_SKIP : WAV_CHUNK;
}

static void skip(deepgram_wav *w, const unsigned char **bytes, size_t *n) {
    size_t step = *n < w->left ? *n : (size_t)w->left;
    *bytes += step;
    *n -= step;
    w->left -= step;
    if (w->left == 0) end_chunk(w);
}

static steno_err format_step(deepgram_wav *w, const unsigned char **bytes, size_t *n) {
    unsigned want = w->left < DEEPGRAM_WAV_KEPT ? (unsigned)w->left : DEEPGRAM_WAV_KEPT;
    if (!keep(w, bytes, n, want)) return STENO_OK;
    ERR_TRY(read_format(w));
    w->left -= want;
    w->n_kept = 0;
    w->state = WAV_SKIP;
    if (w->left == 0) end_chunk(w);
    return STENO_OK;
}

static steno_err header_step(deepgram_wav *w, const unsigned char **bytes, size_t *n) {
    switch (w->state) {
    case WAV_RIFF:
        return keep(w, bytes, n, RIFF_BYTES) ? read_riff(w) : STENO_OK;
    case WAV_CHUNK:
        if (!keep(w, bytes, n, CHUNK_BYTES) || is_file(w)) return STENO_OK;
        return begin_chunk(w);
    case WAV_FORMAT:
        return format_step(w, bytes, n);
    default:
        skip(w, bytes, n);
        return STENO_OK;
    }
}

steno_err deepgram_wav_push(deepgram_wav *w, const unsigned char *bytes, size_t n, size_t *used,
                            const unsigned char **audio, size_t *n_audio) {
    const unsigned char *at = bytes;
    size_t left = n;
    *n_audio = 0;
    while (left > 0 && w->state != WAV_DATA) ERR_TRY(header_step(w, &at, &left));
    *audio = at;
    if (left > 0) {
        *n_audio = left < w->left ? left : (size_t)w->left;
        if (w->left != UINT64_MAX) w->left -= *n_audio;
        w->begun = true;
        left -= *n_audio;
        if (w->left == 0) end_chunk(w);
    }
    *used = n - left;
    return STENO_OK;
}
