/* media.h: any media file -> 16 kHz float PCM, decoded by FFmpeg's libraries in a confined child process.
 *
 * Untrusted bytes never meet FFmpeg in this process. media_host_start() starts one helper, the zygote (`steno` itself
 * with a private argument, see media_zygote_main()). The zygote has the libraries loaded and lets go of all of their
 * dependencies that decoding audio does not need; for every file it forks a child that drops everything (seccomp: read
 * the one descriptor it was given, write to its pipe, memory, exit; RLIMIT_AS, RLIMIT_CPU, RLIMIT_NOFILE, RLIMIT_FSIZE
 * 0, no dumps, PR_SET_NO_NEW_PRIVS) and then decodes. What the child writes is treated as hostile.
 *
 * What is delivered
 *   MEDIA_MIX    one channel: the plain average of all channels but the LFE. MEDIA_SPLIT: the channels as they are.
 *   Samples are finite and clipped to -1..1. Gaps in the container's time stamps are not filled.
 *   A truncated file delivers what is there; then media_read() fails with a sentence that says how much was promised
 *   and how much came. Single bad packets are skipped, as players do; when the decoder fails on most packets, or a tenth
 *   of the time is lost to bad ones, the same end is reached with "corrupt". So a caller that ignores neither samples
 *   nor the final error loses nothing and knows.
 *
 * Owner: a `media` belongs to one thread at a time. The host is immutable once started: any thread may open files on it.
 */
#ifndef STENO_AUDIO_MEDIA_H
#define STENO_AUDIO_MEDIA_H

#include "base/err.h"

typedef enum media_channels { MEDIA_MIX, MEDIA_SPLIT } media_channels;

typedef struct media_limits {
    double max_audio_s;       /* of output; default 12 h */
    int max_cpu_s;            /* of one child; default 600 */
    size_t max_memory_bytes;  /* of one child, over what the libraries take when idle; default 1 GiB */
    int max_channels;         /* default 8, at most MEDIA_MAX_CHANNELS */
    uint64_t max_spool_bytes; /* of standard input or a named pipe; default 4 GiB */
} media_limits;

#define MEDIA_MAX_CHANNELS 64

typedef struct media_host media_host;
typedef struct media media;

void media_limits_init(media_limits *l);

/* `exe`: the program to exec as zygote; NULL for this one. Refused in a program that was itself started as zygote but
 * does not call media_zygote_main(). */
STENO_CHECK steno_err media_host_start(const char *exe, media_host **out);
/* After media_close() of every file. Waits for the zygote's end, which is at once. */
void media_host_stop(media_host *h);

/* The zygote's whole life; called by main() when argv[1] is MEDIA_ZYGOTE_ARG, before anything else. Returns the exit
 * status only if it could not start; otherwise it ends the process itself, without exit handlers (see media_zygote.c). */
#define MEDIA_ZYGOTE_ARG "--media-zygote"
int media_zygote_main(int argc, char **argv);

/* Starts decoding; never blocks. path "-" reads standard input. What cannot be seeked (standard input, a named pipe) is
 * spooled first, by media_read(), into an unlinked temporary file of at most max_spool_bytes. Errors that are visible at
 * once (missing, unreadable, a directory, empty) are returned here; the others by media_read(). STENO_E_AGAIN: no
 * descriptor is free now; it may succeed when another recording is closed. */
STENO_CHECK steno_err media_open(media_host *h, const char *path, media_channels channels, const media_limits *limits,
                                 media **out);
void media_close(media *m); /* kills the child if it still runs; NULL is allowed */

/* Readable when media_read() would make progress. */
int media_fd(const media *m);

/* Up to `cap` frames of interleaved float PCM at 16 kHz into out [frames, media_channel_count()]. Until the channel
 * count is known, `out` must have room for cap * limits.max_channels floats; with cap = 0 a call returns STENO_OK once
 * it is known. *got = 0 with STENO_E_AGAIN: nothing now; *got = 0 with STENO_OK (and cap > 0): the end. Any failure
 * (corrupt, truncated, not audio, no audio stream, limit, NaN, killed) comes as an error whose sentence names the file
 * and the reason, after the samples that came before it; a later call says the same again. */
STENO_CHECK steno_err media_read(media *m, float *out, size_t cap, size_t *got);

/* Known once the first media_read() returned other than AGAIN; with MEDIA_MIX always 1. 0 before. */
int media_channel_count(const media *m);
/* Duration the container claims, seconds, or 0 when unknown: for progress only. */
double media_duration_hint_s(const media *m);
/* CPU seconds the child used, known at the end (otherwise 0). */
double media_cpu_s(const media *m);

#endif
