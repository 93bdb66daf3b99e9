/* live_int.h: what `steno live` is made of: cmd_live.c reads options, live_local.c runs an engine in this process,
 * live_remote.c talks to a server. Main thread only.
 */
#ifndef STENO_CMD_LIVE_INT_H
#define STENO_CMD_LIVE_INT_H

#include "cmd/live_event.h"
#include "cmd/live_screen.h"
#include "cmd/live_source.h"
#include "cmd/session.h"

#define LIVE_CHUNK_MS      32
#define LIVE_CHUNK_SAMPLES (STENO_SAMPLE_RATE_HZ * LIVE_CHUNK_MS / 1000)
#define LIVE_SPEED_MAX     100

typedef struct live {
    session_options session;
    steno_live_options options;
    steno_speakers_options speakers;
    steno_voice voices[STENO_SPEAKERS_MAX]; /* those of `speakers`; only their names until they are found */
    privacy *privacy;                       /* for a gate in this process */
    const char *path, *url;
    bool from_pipe, json;
    float speed; /* times real time; 0: as the pipe comes */
    pcm_format pipe;

    media_host *host; /* with a recording */
    live_source source;
    bool ended;                      /* nothing more will come from the source */
    float chunk[LIVE_CHUNK_SAMPLES]; /* read and not yet sent: [at, have) */
    size_t have, at;
    double started_s; /* of the pace: when sample 0 was due; 0: not yet */
    uint64_t sent;    /* samples */

    int signal_fd, stops; /* how often somebody asked us to stop */
    FILE *out;            /* standard output, or an error once it is gone or we are to stop at once */
    int out_error;
    live_screen screen;
} live;

/* Both show everything there is to show. STENO_E_CANCELLED: stopped at once, at the second request. */
STENO_CHECK steno_err live_run_local(live *l);
STENO_CHECK steno_err live_run_remote(live *l);

/* Opens the source; live_close_source() undoes it. */
STENO_CHECK steno_err live_open_source(live *l);
void live_close_source(live *l);
/* Makes sure that there is something to send, if it can be had now. STENO_E_AGAIN: wait for the source. STENO_OK with
 * an empty chunk: the end. */
STENO_CHECK steno_err live_fill(live *l);
/* How much of the chunk may go at this time; if none, *wait_ms is when to ask again. */
size_t live_due(live *l, double now_s, int *wait_ms);

/* Counts what signal_fd says. True: stop at once. */
bool live_stopped(live *l);
STENO_CHECK steno_err live_show(live *l, const live_event *e);

#endif
