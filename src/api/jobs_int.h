/* jobs_int.h: what the files of jobs share. See jobs.h. Owner: the network thread, but where it says otherwise. */
#ifndef STENO_API_JOBS_INT_H
#define STENO_API_JOBS_INT_H

#include "api/ask.h"
#include "api/jobs.h"
#include "api/jobs_clock.h"
#include "api/recording.h"
#include "api/redaction.h"
#include "output/speakers.h"

/* Who heard it. */
typedef struct result_head {
    char model[32], language[16];
    speaker_names speakers; /* with job.diarize */
} result_head;

/* A job that is being heard, or whose outcome is being written. */
typedef struct running {
    struct running *next;
    jobs *owner;
    job job;
    auth_pass *pass;      /* whose minutes are used; NULL: it has been heard */
    recording *recording; /* NULL: over, or not begun */
    document document;
    result_head about;
    trace trace; /* its span, below that of the request it came with */
    double audio_s, fraction;
    char failed[160]; /* why no more segments are kept; "" so far */
    bool cancelled;
    bool hides; /* personal data of its words: then the recording, which says them all, is not kept */
} running;

/* The one question to the store about who is next. */
typedef struct job_claim {
    work head;
    jobs *owner;
    int64_t now_ms;
    job job;
    bool any;
    job_totals totals;
} job_claim;

typedef struct job_sweep {
    work head;
    jobs *owner;
    int64_t before_ms;
    char ids[JOBS_EXPIRE_MAX][IDENT_BYTES];
    int n;
    job_totals totals;
} job_sweep;

struct jobs {
    jobs_config config;
    service *service;
    char dir[DB_PATH_BYTES_MAX];
    int lock_fd;
    worker *store, *heavy; /* heavy: a thread without a database, for audio files and long documents */
    net_watch *heavy_watch;
    webhooks *webhooks;
    net_timer *retry, *sweep;
    running *running;
    int n_running;
    job_claim claim;
    job_sweep sweeping;
    bool claiming, again, sweep_busy, draining, stopped;
    job_totals totals;           /* as the store last said */
    int transfers;               /* uploads under way */
    int64_t transfer_bytes;      /* reserved for them */
    int unanswered;              /* requests whose answer waits for a thread */
    struct finishing *unwritten; /* outcomes the store could not take: tried again */
    jobs_clock clock;
    uint64_t accepted, done, failed, cancelled, refused;
};

/* ---- jobs_json.c -------------------------------------------------------------------------------------------------- */

/* A job as clients see it. NULL view: nothing is to be told of it; NULL r: it is not being heard. */
json_t *jobs_json(const job *j, const delivery_view *view, const running *r);
/* The message that says what became of it; the body is owned by it. False: nobody wants to know. */
STENO_CHECK steno_err jobs_notice(const job *j, delivery *out, bool *wanted);

/* One parameter of a query or a form. STENO_E_INVALID names it and what it may be; STENO_E_UNSUPPORTED: a language the
 * model does not speak. */
STENO_CHECK steno_err jobs_option(job *j, const char *name, const char *value, const char *language);

/* What only shows once all of them are read. */
STENO_CHECK steno_err jobs_options_check(const job *j);
/* What its recording is asked for; without the voices. */
STENO_CHECK steno_err jobs_speakers(const job *j, steno_speakers_options *out);

/* What of personal data its words show: settled when it was accepted, kept as text. What cannot be read any more is masked whole. */
void jobs_keep_policy(job *j, const gate_policy *p);
void jobs_policy(const job *j, gate_policy *out);

/* ---- jobs_result.c: any thread ------------------------------------------------------------------------------------ */

/* The document that is kept: lines of JSON. */
STENO_CHECK steno_err result_write(const result_head *h, const document *d, const recording_result *r, char **out,
                                   size_t *n);
/* As one of the formats of src/output. STENO_E_INVALID: no such format. Owned: mem_free(). */
STENO_CHECK steno_err result_render(const job *j, const char *kept, size_t n, const char *format, char **out,
                                    size_t *bytes);
/* The content type of a format, or NULL: there is none such. "txt" is "text". */
const char *result_type(const char *format);

/* ---- jobs_run.c --------------------------------------------------------------------------------------------------- */

/* Begins what may begin. */
void jobs_kick(jobs *j);
running *jobs_find_running(const jobs *j, const char *id);
/* The store says it is not to run any more. */
void jobs_stop_running(jobs *j, const char *id);
/* What the store could not take is put there again. */
void jobs_write_again(jobs *j);
void jobs_stop_all(jobs *j);

/* ---- jobs.c ------------------------------------------------------------------------------------------------------- */

int64_t jobs_wall_ms(const jobs *j);
/* Something has to be tried again soon. */
void jobs_retry(jobs *j);

/* ---- jobs_http.c -------------------------------------------------------------------------------------------------- */

/* A request about jobs whose answer waits for a store thread (ask.h). */
typedef struct asking {
    ask ask;
    jobs *owner;
    job *jobs; /* [n_jobs] owned */
    int n_jobs, n;
    void (*answer)(struct asking *a, net_reply *reply); /* when the last item went well */
    void (*drop)(struct asking *a);                     /* frees what else it owns; NULL: nothing */
} asking;

/* A zeroed one of `bytes` with room for n jobs, or NULL with a reply that says so. */
asking *asking_make(call *c, jobs *j, size_t bytes, int n_jobs);
/* Takes the exchange, and puts the item into the store; false: the reply says why not, and it is freed. */
bool asking_take(asking *a, call *c, steno_err (*run)(work *w, db *d), void (*done)(work *w));

/* False: there are no jobs, and the reply says so. */
bool jobs_ready(call *c, jobs **out);
void jobs_refuse(net_reply *reply, int status, const char *code, const char *text);
/* A failure of the store, in HTTP's terms; its reason is for the log, for it names our files. */
void jobs_refuse_error(net_reply *reply, steno_err e, const char *why);

#endif
