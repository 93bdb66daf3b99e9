/* recording.h: one recorded file through a media child and the engine, on the network loop.
 *
 * Owner      the network thread.
 * Purpose    what `steno transcribe` does with poll(2), for requests and jobs: bytes of any container are decoded in a
 *            confined child, each channel is a stream with a privacy gate, segments come in the order of time within a
 *            channel.
 * Invariants never blocks; at most `decoders` recordings of requests and `at_once` of jobs are fed at once, others wait, each
 *            kind in order; all streams of a recording are opened together or not yet; a recording that was cancelled calls
 *            nothing any more.
 */
#ifndef STENO_API_RECORDING_H
#define STENO_API_RECORDING_H

#include "api/auth.h"
#include "api/trace.h"
#include "audio/media.h"
#include "privacy/policy.h"
#include "privacy/released.h"

typedef struct service service;
typedef struct recording recording;

typedef enum recording_rank {
    RECORDING_REQUEST, /* somebody waits for the answer */
    RECORDING_JOB      /* nobody does: not fed while live streams need the cores */
} recording_rank;

typedef struct recording_options {
    const char *path;        /* "/proc/self/fd/N" for a descriptor; must be there until done() or cancel */
    const char *name;        /* what errors call it */
    media_channels channels; /* MEDIA_SPLIT: one stream a channel */
    recording_rank rank;
    steno_vad_options vad;
    bool vad_given;                  /* else the defaults */
    steno_speakers_options speakers; /* of each channel its own people; voices are copied. Zeroed: not told apart */
    gate_policy policy;              /* of what is said in it; zeroed: everything passes */
    trace_link trace;                /* where its spans hang */
    bool owed;         /* its outcome was promised and is known nowhere else: a server that drains waits for it */
    auth_pass *pass;   /* whose minutes it uses, until done() or cancel; NULL: nobody's */
    const char *owner; /* whose words these are, where pass does not say so: auth_owner(), copied; NULL: nobody's */
} recording_options;

typedef struct recording_result {
    steno_err error; /* STENO_OK: all of it was recognised. What came before a failure still was. */
    char detail[ERR_DETAIL_BYTES];
    double audio_s; /* decoded, of one channel */
    int channels;
    steno_stats stats; /* of all channels */
    double wall_s, media_cpu_s;
} recording_result;

typedef struct recording_handler {
    /* channel counts from 0; nothing of the segment outlives the call. */
    void (*segment)(void *user, int channel, const released_segment *s);
    void (*progress)(void *user, double audio_s, double fraction); /* a few times a second; NULL: not wanted */
    void (*done)(void *user, const recording_result *r);           /* last */
    /* Before done(), where speakers are told apart: who speaks the words of a segment that came before. NULL: not wanted. */
    void (*labels)(void *user, int channel, const released_segment *s);
    /* And, with speakers.turns, who spoke when, in the order of time, in one or more calls. NULL: not wanted. */
    void (*turns)(void *user, int channel, const steno_turn *turns, uint32_t n);
} recording_handler;

/* Waits its turn, then runs. STENO_E_LIMIT: too many wait already (service_config.recordings_max). */
STENO_CHECK steno_err recording_open(service *v, const recording_options *o, const recording_handler *handler,
                                     void *user, recording **out);
/* Nothing is called any more. Not after done(). */
void recording_cancel(recording *r);

/* ---- a transcript kept in memory -------------------------------------------------------------------------------- */

#define DOCUMENT_BYTES_MAX ((size_t)64 << 20) /* of one transcript's text and words */

/* Segments by the time they start, channels merged. Zeroed is empty. */
typedef struct document_segment {
    int channel;              /* from 0 */
    released_segment segment; /* released_copy() */
} document_segment;

typedef struct document_turn {
    int channel; /* from 0 */
    steno_turn turn;
} document_turn;

typedef struct document {
    document_segment *segments; /* [n] */
    size_t n, room, bytes;
    document_turn *turns; /* [n_turns] */
    size_t n_turns, turns_room;
    size_t labelled; /* the segment that got the last label: the next one is behind it */
} document;

/* Takes a copy. STENO_E_LIMIT: longer than DOCUMENT_BYTES_MAX. */
STENO_CHECK steno_err document_add(document *d, int channel, const released_segment *s);
/* Who speaks the words of a segment that is in: the segment has its id, n_words and their speakers. One that is not in is
 * passed over. Before document_sort(). */
void document_label(document *d, int channel, const released_segment *labels);
/* Who spoke when, behind what is there already. STENO_E_LIMIT as above. */
STENO_CHECK steno_err document_add_turns(document *d, int channel, const steno_turn *turns, uint32_t n);
/* By start time, then channel: once all are in. */
void document_sort(document *d);
void document_free(document *d);

#endif
