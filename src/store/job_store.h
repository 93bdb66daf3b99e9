/* job_store.h: jobs as rows: the state machine of recordings that wait, are heard, and are over.
 *
 * Owner      the store thread. Times are of the wall clock and passed in.
 * Invariants states only go QUEUED -> RUNNING -> DONE | FAILED, from both of the first to CANCELLED, and from RUNNING back
 *            to QUEUED when the server ended meanwhile. A result, the state that says so and the message to whom it
 *            concerns are one transaction: whoever sees one sees all, once. A row's audio lies in DIR/spool under its id.
 */
#ifndef STENO_STORE_JOB_STORE_H
#define STENO_STORE_JOB_STORE_H

#include "store/db.h"
#include "store/delivery_store.h"
#include "store/keys.h"

#define JOB_ID_PREFIX         "job_"
#define JOB_METADATA_BYTES    4097
#define JOB_IDEMPOTENCY_BYTES 129
#define JOB_VOICES_BYTES      1024 /* of names of enrolled voices */
#define JOB_ATTEMPTS_MAX                                                                                               \
    10                     /* starts after which a job that was never over has failed: it may be what ends the server */
#define JOB_PARTS_MAX  100 /* files of one request */
#define JOB_LIST_MAX   100
#define JOB_RESULT_MAX ((size_t)256 << 20)

typedef enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_CANCELLED, JOB_STATES } job_state;
const char *job_state_name(job_state s);

typedef struct job {
    int64_t seq; /* the order of acceptance */
    char id[IDENT_BYTES], owner[DELIVERY_OWNER_BYTES];
    job_state state;
    int attempts;
    int64_t created_ms, started_ms, ended_ms; /* 0: not yet */
    bool has_audio;
    int64_t bytes; /* of the audio */
    char file_name[256], content_type[128], language[16];
    bool words, split;
    bool diarize;
    int min_speakers, max_speakers; /* 0: counted; as usual */
    char voices[JOB_VOICES_BYTES];  /* names, with commas between them; "": none */
    char redact[KEYS_MODE_BYTES],
        redact_types[KEYS_TYPES_BYTES]; /* as src/privacy calls them; "": off, the usual ones */
    int redact_hold_ms;
    bool itn;
    char metadata[JOB_METADATA_BYTES]; /* JSON; "": none */
    char webhook_url[DELIVERY_URL_BYTES], webhook_secret[DELIVERY_SECRET_BYTES];
    char idempotency[JOB_IDEMPOTENCY_BYTES]; /* "": none */
    char fingerprint[65];                    /* of everything the client sent, in hexadecimal */
    int part;
    double audio_s, wall_s;
    char error_code[32], error_text[256];
    char trace[DELIVERY_TRACE_BYTES]; /* the one it belongs to; "": none */
} job;

typedef enum job_add_answer { JOB_ADDED, JOB_REPLAYED, JOB_KEY_REUSED } job_add_answer;

/* All n of one request, or none. JOB_REPLAYED: there were such jobs under the idempotency key already; they are what
 * jobs[] holds now, *n of them. JOB_KEY_REUSED: there were others. */
STENO_CHECK steno_err job_store_add(db *d, job *jobs, int *n, int64_t now_ms, job_add_answer *answer);

/* STENO_E_NOT_FOUND: none of this owner's. NULL owner: anybody's. */
STENO_CHECK steno_err job_store_get(db *d, const char *owner, const char *id, job *out);

/* Newest first, below `before_seq` (0: from the newest); `state` -1: all. Up to `most` <= JOB_LIST_MAX. */
STENO_CHECK steno_err job_store_list(db *d, const char *owner, int state, int64_t before_seq, int most, job *out,
                                     int *n);
/* The first one above `after_seq` in a state, of anybody. */
STENO_CHECK steno_err job_store_next(db *d, job_state state, int64_t after_seq, job *out, bool *any);

/* The next to run, running now. Owners take turns; within one, first come first. */
STENO_CHECK steno_err job_store_claim(db *d, int64_t now_ms, job *out, bool *any);
/* Back into the queue: it was not begun after all, or the server ended meanwhile. `fault` false: the start does not count. */
STENO_CHECK steno_err job_store_requeue(db *d, const char *id, bool fault);

typedef struct job_outcome {
    job_state state; /* JOB_DONE or JOB_FAILED */
    const char *error_code, *error_text;
    double audio_s, wall_s;
    const void *document; /* the result, whatever there is of it; NULL: none */
    size_t document_bytes;
    bool keep_audio;
    const delivery *notice; /* NULL: nobody wants to know */
} job_outcome;
/* *took false: it is not running any more (cancelled), and nothing was changed. A queued one may fail, too. */
STENO_CHECK steno_err job_store_finish(db *d, const char *id, const job_outcome *o, int64_t now_ms, bool *took);

/* Cancels what is not over. *was: the state before; of one that was over nothing is changed. */
STENO_CHECK steno_err job_store_cancel(db *d, const char *owner, const char *id, int64_t now_ms, job_state *was);
/* Forgets one that is over, its result and what was to be told of it. */
STENO_CHECK steno_err job_store_delete(db *d, const char *owner, const char *id);
/* Forgets up to `most` that ended before; their ids, in case audio is left. */
STENO_CHECK steno_err job_store_expire(db *d, int64_t ended_before_ms, char (*ids)[IDENT_BYTES], int most, int *n);

/* The document, owned by the caller: mem_free(). STENO_E_NOT_FOUND: there is none. */
STENO_CHECK steno_err job_store_result(db *d, int64_t seq, char **document, size_t *n);

typedef struct job_totals {
    int64_t queued, running, spool_bytes; /* of all owners */
} job_totals;
STENO_CHECK steno_err job_store_totals(db *d, job_totals *out);

#endif
