/* media_probe.c: see media_probe.h. Runs in the child; pure but for reading `io`. */
#include "audio/media_probe.h"

#include <libavutil/mem.h>
#include <stdbool.h>
#include <string.h>

/* AVInputFormat.read_probe is in the installed header, though not part of the stable interface, up to libavformat 60. */
#if LIBAVFORMAT_VERSION_MAJOR < 59 || LIBAVFORMAT_VERSION_MAJOR > 60
#error "media_probe.c was written against libavformat 59 (FFmpeg 5.1): check AVInputFormat.read_probe"
#endif

#define PROBE_TAGS_MAX   8 /* ID3 tags in a row */
#define ID3_HEADER_BYTES 10
#define SCORE_SURE       (AVPROBE_SCORE_MAX - 1) /* what the wav demuxer says: nobody else is asked after this */

static const int probe_bytes[] = {4096, 64 * 1024, 1024 * 1024};
#define PROBE_STEPS (sizeof probe_bytes / sizeof probe_bytes[0])

/* Demuxers of recordings, the common ones first. Not here: playlists and descriptions of other files, images, subtitles,
 * devices, tracker music, and formats of games. One entry matches any of a demuxer's comma-separated names. */
static const char *const recordings[] = {
    "wav",   "mp3",  "mov",  "flac", "ogg",        "matroska", "aac",   "w64",  "aiff",     "au",  "caf", "loas",
    "ac3",   "eac3", "amr",  "avi",  "asf",        "mpegts",   "mpeg",  "flv",  "live_flv", "ape", "wv",  "tta",
    "tak",   "mpc",  "mpc8", "dts",  "dtshd",      "truehd",   "mlp",   "gsm",  "voc",      "sox", "nut", "rm",
    "ircam", "dsf",  "oma",  "avr",  "nistsphere", "pvf",      "spdif", "qcp",  "sln",      "mxf", "wtv", "kux",
    "iff",   "xwma", "paf",  "ast",  "ilbc",       "g729",     "sbc",   "aptx", "dv",       "gxf",
};

static const char *const playlists[] = {"hls",       "dash", "concat", "sdp", "rtsp", "imf", "webm_dash_manifest",
                                        "ffmetadata"};

/* Whether `name` is one of a demuxer's comma-separated names. */
static bool has_name(const AVInputFormat *f, const char *name) {
    size_t length = strlen(name);
    for (const char *at = f->name; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0')) return true;
    }
    return false;
}

/* Those that wrap other libraries or open things themselves are never asked. */
static bool may_ask(const AVInputFormat *f) {
    return f->read_probe && !(f->flags & AVFMT_NOFILE) && strncmp(f->name, "lib", 3) != 0;
}

/* Appends the demuxers with these names, in this order. */
static int add_listed(const AVInputFormat **to, int n, const char *const *names, size_t n_names) {
    for (size_t i = 0; i < n_names; i++) {
        const AVInputFormat *f;
        void *at = NULL;
        while ((f = av_demuxer_iterate(&at)) && n < PROBE_MAX_FORMATS) {
            if (may_ask(f) && has_name(f, names[i])) to[n++] = f;
        }
    }
    return n;
}

static bool is_wanted(const probe_table *t, const AVInputFormat *f) {
    for (int i = 0; i < t->n_wanted; i++) {
        if (t->wanted[i] == f) return true;
    }
    return false;
}

void probe_table_init(probe_table *t) {
    const AVInputFormat *f;
    void *at = NULL;
    t->n_recordings = add_listed(t->wanted, 0, recordings, sizeof recordings / sizeof recordings[0]);
    t->n_wanted = add_listed(t->wanted, t->n_recordings, playlists, sizeof playlists / sizeof playlists[0]);
    t->n_others = 0;
    while ((f = av_demuxer_iterate(&at)) && t->n_others < PROBE_MAX_FORMATS) {
        if (may_ask(f) && !is_wanted(t, f)) t->others[t->n_others++] = f;
    }
}

/* The end of the ID3v2 tags that many formats allow in front, so that covers of any size do not hide the music. */
static int64_t skip_tags(AVIOContext *io) {
    int64_t at = 0;
    for (int i = 0; i < PROBE_TAGS_MAX; i++) {
        unsigned char h[ID3_HEADER_BYTES];
        if (avio_seek(io, at, SEEK_SET) < 0 || avio_read(io, h, sizeof h) != (int)sizeof h) break;
        if (memcmp(h, "ID3", 3) != 0 || h[3] == 0xff || h[4] == 0xff || ((h[6] | h[7] | h[8] | h[9]) & 0x80)) break;
        at += ID3_HEADER_BYTES + (h[6] << 21 | h[7] << 14 | h[8] << 7 | h[9]) + (h[5] & 0x10 ? ID3_HEADER_BYTES : 0);
    }
    return at;
}

/* Raises *out to the best claim above out->score; returns its index, or -1. */
static int best_claim(const AVProbeData *data, const AVInputFormat *const *formats, int n, probe_result *out) {
    int best = -1;
    for (int i = 0; i < n && out->score < SCORE_SURE; i++) {
        int score = formats[i]->read_probe(data);
        if (score <= out->score) continue;
        *out = (probe_result){formats[i], score};
        best = i;
    }
    return best;
}

static probe_kind probe_at(const probe_table *t, AVIOContext *io, int64_t start, unsigned char *buffer,
                           probe_result *out) {
    probe_kind kind = PROBE_NOTHING;
    AVProbeData data = {.filename = "", .buf = buffer};
    for (size_t i = 0; i < PROBE_STEPS && out->score <= AVPROBE_SCORE_RETRY; i++) {
        if (avio_seek(io, start, SEEK_SET) < 0) break;
        int got = avio_read(io, buffer, probe_bytes[i]);
        if (got <= 0) break;
        memset(buffer + got, 0, AVPROBE_PADDING_SIZE);
        data.buf_size = got;
        *out = (probe_result){0};
        int best = best_claim(&data, t->wanted, t->n_wanted, out);
        kind = best < 0 ? PROBE_NOTHING : best < t->n_recordings ? PROBE_RECORDING : PROBE_PLAYLIST;
        if (got < probe_bytes[i]) break;
    }
    if (out->score > AVPROBE_SCORE_RETRY || data.buf_size == 0) return kind;
    probe_result other = {.score = AVPROBE_SCORE_RETRY};
    if (best_claim(&data, t->others, t->n_others, &other) < 0) return kind;
    *out = other;
    return PROBE_OTHER;
}

probe_kind probe_format(const probe_table *t, AVIOContext *io, probe_result *out) {
    *out = (probe_result){0};
    unsigned char *buffer = av_malloc((size_t)probe_bytes[PROBE_STEPS - 1] + AVPROBE_PADDING_SIZE);
    if (!buffer) return PROBE_NO_MEMORY;
    probe_kind kind = probe_at(t, io, skip_tags(io), buffer, out);
    av_free(buffer);
    return avio_seek(io, 0, SEEK_SET) < 0 ? PROBE_NOTHING : kind;
}
