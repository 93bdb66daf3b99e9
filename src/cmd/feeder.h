/* feeder.h: many recordings through one engine: media children -> streams -> segments in order.
 *
 * Owner: the main thread; one loop around poll(2), nothing blocks but the handler's own writing. Memory is bounded:
 * at most max_decoders files are being decoded, at most max_streams streams are open, and when text waiting for its
 * turn exceeds FEEDER_PENDING_BYTES_MAX only the file whose turn it is goes on. With speakers a file's text waits until its
 * end, when who spoke is known; one with more than FEEDER_PENDING_BYTES_MAX of it fails there, and what came before is
 * handed out, without labels for what came last.
 */
#ifndef STENO_CMD_FEEDER_H
#define STENO_CMD_FEEDER_H

#include "audio/media.h"
#include "base/err.h"
#include "privacy/policy.h"
#include "privacy/released.h"
#include "steno.h"

#define FEEDER_PENDING_BYTES_MAX ((size_t)16 << 20)
#define FEEDER_MAX_CHANNELS      8 /* of one recording, with MEDIA_SPLIT */

typedef struct privacy privacy; /* privacy/find.h */

typedef struct feeder_config {
    media_host *host;
    steno_engine *engine;
    steno_vad_options vad;
    media_limits limits;
    media_channels channels;
    steno_speakers_options speakers; /* of each channel its own people; zeroed: they are not told apart */
    privacy *privacy;                /* shared by the gates of all channels; NULL where the policy needs none */
    gate_policy policy;              /* of what is said; zeroed: everything passes */
    const char *const *paths;
    size_t n_paths;
    bool in_order;    /* hand out results in the order of paths; otherwise as they come */
    int max_decoders; /* media children at once */
    int max_streams;  /* as the engine was configured */
    int stop_fd;      /* readable: stop everything; -1 when there is none */
} feeder_config;

/* What became of one file. */
typedef struct feeder_result {
    steno_err error; /* STENO_OK: all of it was recognised. Otherwise what came before the failure still was. */
    char detail[ERR_DETAIL_BYTES];
    double audio_s;    /* decoded and handed to the engine, of one channel */
    int channels;      /* 0 when nothing could be decoded */
    steno_stats stats; /* of all channels */
    double media_cpu_s;
    double wall_s; /* from opening the file to its last segment */
} feeder_result;

/* How far it is: for the progress bar. */
typedef struct feeder_progress {
    size_t files, files_done;
    double audio_s;  /* handed to the engine so far */
    double fraction; /* 0..1 of all the work, estimated */
} feeder_progress;

/* Every call comes from feeder_run(). STENO_E_AGAIN of segment or done: not now; the same call comes again later. Any
 * other error stops everything and is what feeder_run() returns. */
typedef struct feeder_handler {
    void *ctx;
    /* channel counts from 1; segments of one file come in the order of their start, their ids count within a channel */
    steno_err (*segment)(void *ctx, size_t index, int channel, const released_segment *segment);
    steno_err (*done)(void *ctx, size_t index, const feeder_result *result);
    void (*progress)(void *ctx, const feeder_progress *progress); /* a few times a second; may be NULL */
    /* With speakers.turns: who spoke when, in the order of time within a channel, before `done`; may be NULL. */
    steno_err (*turns)(void *ctx, size_t index, int channel, const steno_turn *turns, uint32_t n);
} feeder_handler;

/* STENO_OK when every file has been through `done`, whatever became of it; STENO_E_CANCELLED after stop_fd. */
STENO_CHECK steno_err feeder_run(const feeder_config *config, const feeder_handler *handler);

/* Seconds on a clock that never goes back. */
double feeder_clock_s(void);

#endif
