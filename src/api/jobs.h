/* jobs.h: recordings that are handed in, wait their turn, and are fetched later: /v1/jobs.
 *
 * Purpose    docs/jobs.md is what users read. Rows are src/store/job_store.h, audio is src/store/spool.h, recognition is
 *            recording.h, messages to others are webhook_queue.h.
 * Owner      the network thread. What waits for a disk runs on the store thread (rows) or on a second one (audio, long
 *            documents).
 * Invariants a 202 is said only when the audio and the row are on the disk; a result and the state that says so appear
 *            together, once, however often the server died on the way; jobs of one owner do not exist for another; a job
 *            is not begun while the engine is overloaded, and is not fed while live streams need the cores.
 */
#ifndef STENO_API_JOBS_H
#define STENO_API_JOBS_H

#include "api/routes.h"
#include "api/webhook_queue.h"
#include "store/job_store.h"

#define JOBS_DIR_BYTES_MAX   200  /* of the data directory's path: recording.h takes paths of 255 */
#define JOBS_FIELD_BYTES_MAX 4096 /* of one form field */
#define JOBS_TRANSFERS_MAX   64   /* uploads at once; more: 503 */
#define JOBS_RETRY_MS        1000 /* what the store or the engine had no room for is tried again after */
#define JOBS_SWEEP_MS        60000
#define JOBS_EXPIRE_MAX      200 /* jobs forgotten in one sweep */

typedef struct jobs jobs;

typedef struct jobs_config {
    bool optional;           /* when another server works on the folder there are no jobs here, and the log says so */
    bool keep_audio;         /* of jobs that are over, until they are forgotten */
    int at_once;             /* jobs heard at the same time */
    int retention_h;         /* jobs that are over are forgotten after so many hours; 0: never */
    int max_queued;          /* more are refused: 429 */
    int spool_max_mb;        /* of all audio that is kept: 507 */
    uint64_t body_bytes_max; /* of one request: 413 */
    int webhook_timeout_s, webhook_attempts, webhook_retry_ms;
    const char *webhook_networks; /* webhook_net.h; "": the default. Copied, as the next one is */
    const char *webhook_ca_file;  /* certificates to trust instead of the system's; "": the system's */
    int64_t (*wall_ms)(void); /* NULL: the system's clock. For display, retention and time stamps; not for waiting */
} jobs_config;

/* Takes up what an earlier server left: on this thread, before the network runs. `store` has the database of `dir`. */
STENO_CHECK steno_err jobs_open(const jobs_config *config, service *v, const char *dir, worker *store, jobs **out);
/* After SIGHUP: everything but `at_once`, the clock and the certificates. On failure the old one stays. */
STENO_CHECK steno_err jobs_configure(jobs *j, const jobs_config *config);
/* In this order at the end: jobs_stop() while network, engine and store are there, worker_close(), jobs_close(). */
void jobs_stop(jobs *j);
void jobs_close(jobs *j);

/* No new job is begun: the server is about to end. Those that run are begun again by the next one. */
void jobs_drain(jobs *j);

webhooks *jobs_webhooks(jobs *j);
/* For /v1/status: a new object, or NULL. */
json_t *jobs_status(const jobs *j);

/* ---- routes: each says 503 "not_configured" when there are no jobs -------------------------------------------------- */

void jobs_answer_post(call *c);
void jobs_answer_list(call *c);
void jobs_answer_get(call *c);
void jobs_answer_delete(call *c);
void jobs_answer_result(call *c);

#endif
