/* media.h: any media file -> 16 kHz float PCM, decoded by FFmpeg's libraries in a confined child process.
 *
 * Untrusted bytes never meet FFmpeg in this process. media_host_start() execs one helper, the zygote (`steno` itself
 * with a private argument, see media_zygote_main()), while the process still has one thread. The zygote loads the libraries once;
 * for every file it forks a child that drops everything (seccomp: read, seek on the one descriptor it was given, write
 * to its pipe, memory, exit; RLIMIT_AS, RLIMIT_CPU, RLIMIT_NOFILE, RLIMIT_FSIZE 0, no dumps, PR_SET_NO_NEW_PRIVS,
 * output limit) and then decodes.
 * Owner: a `media` belongs to one thread at a time. The host may be used from several threads (it locks).
 */
#ifndef STENO_AUDIO_MEDIA_H
#define STENO_AUDIO_MEDIA_H

#include "base/err.h"

typedef enum media_channels { MEDIA_MIX, MEDIA_SPLIT } media_channels;

typedef struct media_limits {
    double max_audio_s;    /* of output; default 12 h */
    int max_cpu_s;         /* of one child; default 600 */
    size_t max_memory_bytes; /* RLIMIT_AS of one child; default 1 GiB */
    int max_channels;      /* default 8 */
} media_limits;

typedef struct media_host media_host;
typedef struct media media;

void media_limits_init(media_limits *l);

/* `exe`: the program to exec as zygote; NULL for /proc/self/exe. */
STENO_CHECK steno_err media_host_start(const char *exe, media_host **out);
void media_host_stop(media_host *h);

/* The zygote's whole life; called by main() when argv[1] is MEDIA_ZYGOTE_ARG. Returns the exit status. */
#define MEDIA_ZYGOTE_ARG "--media-zygote"
int media_zygote_main(int argc, char **argv);

/* Starts decoding. path "-" reads standard input (spooled first into a bounded, unlinked temporary file). Errors that are visible at once (missing,
 * unreadable, a directory, empty) are returned here; the others by media_read(). */
STENO_CHECK steno_err media_open(media_host *h, const char *path, media_channels channels, const media_limits *limits,
                                 media **out);
void media_close(media *m); /* kills the child if it still runs */

/* Readable when media_read() would make progress. */
int media_fd(const media *m);

/* Up to `cap` frames of interleaved float PCM at 16 kHz into out [frames, media_channel_count()]. *got = 0 with
 * STENO_E_AGAIN: nothing now; *got = 0 with STENO_OK: the end. Any failure of the child (corrupt, truncated, not audio, no
 * audio stream, limit, NaN, killed) comes as an error whose sentence names the file and the reason. */
STENO_CHECK steno_err media_read(media *m, float *out, size_t cap, size_t *got);

/* Known once the first media_read() returned other than AGAIN; with MEDIA_MIX always 1. */
int media_channel_count(const media *m);
/* Duration the container claims, seconds, or 0 when unknown: for progress only. */
double media_duration_hint_s(const media *m);
/* CPU seconds the child used, known at the end. */
double media_cpu_s(const media *m);

#endif
