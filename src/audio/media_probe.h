/* media_probe.h: which demuxer, by content alone.
 *
 * libavformat's own probing asks every demuxer, among them wrappers round libraries that are not mapped in the child
 * (media_lean.c); this one asks the demuxers of recordings first, and all native others only to name what a file is.
 */
#ifndef STENO_AUDIO_MEDIA_PROBE_H
#define STENO_AUDIO_MEDIA_PROBE_H

#include <libavformat/avformat.h>

typedef enum probe_kind {
    PROBE_NOTHING,   /* no demuxer claims it */
    PROBE_RECORDING, /* of the list of formats that are decoded */
    PROBE_PLAYLIST,  /* it names other files */
    PROBE_OTHER,     /* a picture, subtitles, … */
    PROBE_NO_MEMORY
} probe_kind;

#define PROBE_MAX_FORMATS 512

/* Which demuxers to ask, the likeliest first. Made once (before the forks, because sorting names takes longer than
 * asking) and immutable then. */
typedef struct probe_table {
    const AVInputFormat *wanted[PROBE_MAX_FORMATS]; /* recordings, then playlists */
    const AVInputFormat *others[PROBE_MAX_FORMATS];
    int n_recordings, n_wanted, n_others;
} probe_table;

void probe_table_init(probe_table *t);

typedef struct probe_result {
    const AVInputFormat *format; /* NULL with NOTHING and NO_MEMORY */
    int score;                   /* libavformat's, 1..100 */
} probe_result;

/* Reads from the start of `io` and leaves it there. */
probe_kind probe_format(const probe_table *t, AVIOContext *io, probe_result *out);

#endif
