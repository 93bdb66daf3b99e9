/* rttm.h: who speaks when, as files: NIST's RTTM (turns) and UEM (what is scored of a recording).
 *
 * Purpose    read what steno (output/format.h) and others wrote, for scores and tests.
 * Owner      the caller; plain memory, any thread.
 * Format     "SPEAKER file channel start duration <NA> <NA> name <NA> <NA>", seconds; lines of other known types and lines
 *            that begin with ";;" are left out. UEM: "file channel start end".
 * Invariants bytes are hostile: a wrong line is STENO_E_FORMAT with its number and the reason. What was read is sorted, and
 *            turns of one speaker never overlap each other.
 */
#ifndef STENO_SPEAKERS_RTTM_H
#define STENO_SPEAKERS_RTTM_H

#include "base/err.h"

#define RTTM_MAX_BYTES      ((size_t)64 << 20) /* of a file */
#define RTTM_NAME_BYTES_MAX 255                /* of a recording, channel or speaker */
#define RTTM_TIME_MAX_S     1e7

typedef struct rttm_turn {
    double start_s, end_s; /* start_s < end_s */
    uint32_t recording;    /* [n_recordings] */
    uint32_t speaker;      /* [n_speakers]: of this recording alone */
} rttm_turn;

/* One channel of one file. */
typedef struct rttm_recording {
    const char *file, *channel;
    size_t first, n;     /* its turns: turn[first .. first + n) */
    uint32_t n_speakers; /* turn[].speaker is below that */
    char **speaker;      /* their names [n_speakers]; of a UEM: one that is empty */
} rttm_recording;

typedef struct rttm {
    rttm_turn *turn; /* owned [n], by recording, then start */
    size_t n;
    rttm_recording *recording; /* owned [n_recordings], by file, then channel */
    uint32_t n_recordings;
    char **name; /* owned [n_names]: what the pointers above point to */
    size_t n_names;
} rttm;

/* Reads n bytes; `source` names them in errors. STENO_E_FORMAT, STENO_E_LIMIT, STENO_E_NOMEM; *out is then empty. */
STENO_CHECK steno_err rttm_parse(const char *source, const char *bytes, size_t n, rttm *out);
/* The same of a UEM: turns without speakers; stretches that overlap are one. */
STENO_CHECK steno_err rttm_parse_uem(const char *source, const char *bytes, size_t n, rttm *out);
/* A file; "-" is standard input. */
STENO_CHECK steno_err rttm_read(const char *path, rttm *out);
STENO_CHECK steno_err rttm_read_uem(const char *path, rttm *out);
void rttm_free(rttm *r);

/* The recording of that file and channel, or NULL. */
const rttm_recording *rttm_find(const rttm *r, const char *file, const char *channel);

#endif
