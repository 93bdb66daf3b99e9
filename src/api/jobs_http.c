/* jobs_http.c: what is asked about jobs: list, state, result, cancel, delete. See jobs.h; docs/jobs.md.
 *
 * A request waits for the store as an `asking` (ask.h).
 */
#include "api/auth.h"
#include "api/jobs_int.h"
#include "api/service_int.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/spool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_DEFAULT 20
#define RETRY_S      2

/* ---- answers ------------------------------------------------------------------------------------------------------ */

void jobs_refuse(net_reply *reply, int status, const char *code, const char *text) {
    native_refuse(reply, NULL,
                  &(call_refusal){.status = status,
                                  .code = code,
                                  .message = text,
                                  .retry_after_s = status == 429 || status == 503 ? RETRY_S : 0});
}

void jobs_refuse_error(net_reply *reply, steno_err e, const char *why) {
    if (e == STENO_E_NOT_FOUND) {
        jobs_refuse(reply, 404, "not_found", "there is no such job");
    } else if (e == STENO_E_LIMIT) {
        log_line(LOG_LEVEL_ERROR, "jobs: %s", why);
        jobs_refuse(reply, 507, "disk_full", "the server's disk is full: nothing was taken");
    } else {
        log_line(LOG_LEVEL_ERROR, "jobs: %s", why);
        jobs_refuse(reply, 503, e == STENO_E_AGAIN ? "busy" : "store",
                    e == STENO_E_AGAIN ? "the server has too much to write: try again"
                                       : "jobs cannot be read or written now: the server's log says why");
    }
}

bool jobs_ready(call *c, jobs **out) {
    *out = c->service->jobs;
    if (*out) return true;
    jobs_refuse(c->reply, 503, "not_configured", "this server keeps no jobs: data_dir is not set");
    c->reply->retry_after_s = 0;
    return false;
}

/* ---- a request that waits ----------------------------------------------------------------------------------------- */

static void drop_asking(ask *head) {
    asking *a = (asking *)head;
    a->owner->unanswered--;
    if (a->drop) a->drop(a);
    mem_free(a->jobs);
}

static void answer_asking(ask *head, net_reply *reply) {
    asking *a = (asking *)head;
    if (head->head.error != STENO_OK)
        jobs_refuse_error(reply, head->head.error, head->head.why);
    else
        a->answer(a, reply);
}

asking *asking_make(call *c, jobs *j, size_t bytes, int n_jobs) {
    asking *a = mem_alloc(1, bytes);
    job *room = a ? mem_alloc((size_t)n_jobs, sizeof *room) : NULL;
    if (!room) {
        mem_free(a);
        jobs_refuse(c->reply, 503, "nomem", "no memory for this request");
        return NULL;
    }
    ask_begin(&a->ask, c);
    a->ask.answer = answer_asking;
    a->ask.drop = drop_asking;
    a->owner = j;
    a->jobs = room;
    a->n_jobs = n_jobs;
    j->unanswered++;
    return a;
}

bool asking_take(asking *a, call *c, steno_err (*run)(work *w, db *d), void (*done)(work *w)) {
    if (!ask_put(&a->ask, a->owner->store, run, done)) {
        jobs_refuse_error(c->reply, a->ask.head.error, a->ask.head.why);
        ask_gone(&a->ask);
        return false;
    }
    ask_wait(&a->ask, c);
    return true;
}

/* The id in the path; false: the reply says that there is none such. */
static asking *ask_about(call *c, jobs *j, size_t bytes, int n_jobs) {
    char id[IDENT_BYTES];
    if (!call_segment(c, 0, id, sizeof id) || !ident_is(JOB_ID_PREFIX, id)) {
        jobs_refuse(c->reply, 404, "not_found", "there is no such job");
        return NULL;
    }
    asking *a = asking_make(c, j, bytes, n_jobs);
    if (a) memcpy(a->jobs[0].id, id, sizeof id);
    return a;
}

/* ---- one job ------------------------------------------------------------------------------------------------------ */

typedef struct looking {
    asking head;
    delivery_view view;
    bool has_view;
} looking;

static steno_err run_get(work *item, db *d) {
    looking *l = (looking *)item;
    job *j = l->head.jobs;
    char id[IDENT_BYTES];
    memcpy(id, j->id, sizeof id);
    ERR_TRY(job_store_get(d, l->head.ask.who, id, j));
    return delivery_store_view(d, id, &l->view, &l->has_view);
}

static void answer_get(asking *a, net_reply *reply) {
    looking *l = (looking *)a;
    const job *j = a->jobs;
    reply_json(reply, 200, jobs_json(j, l->has_view ? &l->view : NULL, jobs_find_running(a->owner, j->id)));
}

void jobs_answer_get(call *c) {
    jobs *j;
    if (!jobs_ready(c, &j)) return;
    asking *a = ask_about(c, j, sizeof(looking), 1);
    if (!a) return;
    a->answer = answer_get;
    (void)asking_take(a, c, run_get, ask_done);
}

/* ---- the list ----------------------------------------------------------------------------------------------------- */

typedef struct listing {
    asking head;
    int state; /* -1: all */
    char after[IDENT_BYTES];
    bool gone; /* the job that the list was to go on after */
} listing;

static steno_err run_list(work *item, db *d) {
    listing *l = (listing *)item;
    asking *a = &l->head;
    int64_t before = 0;
    if (l->after[0]) {
        steno_err e = job_store_get(d, a->ask.who, l->after, a->jobs);
        l->gone = e == STENO_E_NOT_FOUND;
        if (l->gone) return STENO_OK;
        if (e != STENO_OK) return e;
        before = a->jobs[0].seq;
    }
    return job_store_list(d, a->ask.who, l->state, before, a->n_jobs, a->jobs, &a->n);
}

/* One more than asked for was read: whether there are more. */
static void answer_list(asking *a, net_reply *reply) {
    listing *l = (listing *)a;
    if (l->gone) {
        jobs_refuse(reply, 400, "bad_parameter", "after: there is no such job any more: begin the list again");
        return;
    }
    json_t *all = json_array();
    int shown = a->n < a->n_jobs ? a->n : a->n_jobs - 1;
    for (int i = 0; i < shown; i++)
        json_array_append_new(all, jobs_json(&a->jobs[i], NULL, jobs_find_running(a->owner, a->jobs[i].id)));
    json_t *next = shown < a->n ? json_string(a->jobs[shown - 1].id) : json_null();
    reply_json(reply, 200, json_pack("{s:o, s:o}", "jobs", all, "next", next));
}

static bool read_state(const char *text, int *out) {
    for (int s = 0; s < JOB_STATES; s++) {
        if (strcmp(text, job_state_name((job_state)s)) == 0) {
            *out = s;
            return true;
        }
    }
    return false;
}

static bool read_list(call *c, int *most, int *state, char after[IDENT_BYTES]) {
    const char *limit = call_arg(c, "limit"), *wanted = call_arg(c, "state"), *from = call_arg(c, "after");
    char *end = NULL;
    long n = limit ? strtol(limit, &end, 10) : LIST_DEFAULT;
    *state = -1;
    after[0] = 0;
    if (limit && (end == limit || *end || n < 1 || n >= JOB_LIST_MAX)) {
        jobs_refuse(c->reply, 400, "bad_parameter", "limit: want a whole number from 1 to 99");
        return false;
    }
    if (wanted && !read_state(wanted, state)) {
        jobs_refuse(c->reply, 400, "bad_parameter", "state: want queued, running, done, failed or cancelled");
        return false;
    }
    if (from && !ident_is(JOB_ID_PREFIX, from)) {
        jobs_refuse(c->reply, 400, "bad_parameter", "after: want the `next` of an earlier answer");
        return false;
    }
    if (from) snprintf(after, IDENT_BYTES, "%s", from);
    *most = (int)n;
    return true;
}

void jobs_answer_list(call *c) {
    jobs *j;
    int most, state;
    char after[IDENT_BYTES];
    if (!jobs_ready(c, &j) || !read_list(c, &most, &state, after)) return;
    listing *l = (listing *)asking_make(c, j, sizeof *l, most + 1);
    if (!l) return;
    l->state = state;
    memcpy(l->after, after, sizeof after);
    l->head.answer = answer_list;
    (void)asking_take(&l->head, c, run_list, ask_done);
}

/* ---- cancel and delete --------------------------------------------------------------------------------------------- */

typedef struct removing {
    asking head;
    int64_t now_ms;
    job_state was;
    job_totals totals;
} removing;

static steno_err run_remove(work *item, db *d) {
    removing *r = (removing *)item;
    asking *a = &r->head;
    char id[IDENT_BYTES];
    memcpy(id, a->jobs[0].id, sizeof id);
    ERR_TRY(job_store_cancel(d, a->ask.who, id, r->now_ms, &r->was));
    if (r->was > JOB_RUNNING)
        ERR_TRY(job_store_delete(d, a->ask.who, id));
    else
        ERR_TRY(job_store_get(d, a->ask.who, id, a->jobs));
    spool_remove(a->owner->dir, id);
    return job_store_totals(d, &r->totals);
}

static void removed(work *item) {
    removing *r = (removing *)item;
    jobs *j = r->head.owner;
    if (item->error == STENO_OK) {
        j->totals = r->totals;
        j->cancelled += r->was <= JOB_RUNNING;
        if (r->was <= JOB_RUNNING) jobs_stop_running(j, r->head.jobs[0].id);
    }
    ask_done(item);
}

static void answer_remove(asking *a, net_reply *reply) {
    removing *r = (removing *)a;
    if (r->was <= JOB_RUNNING)
        reply_json(reply, 200, jobs_json(a->jobs, NULL, NULL));
    else
        *reply = (net_reply){.status = 204};
}

void jobs_answer_delete(call *c) {
    jobs *j;
    if (!jobs_ready(c, &j)) return;
    removing *r = (removing *)ask_about(c, j, sizeof *r, 1);
    if (!r) return;
    r->now_ms = jobs_wall_ms(j);
    r->head.answer = answer_remove;
    (void)asking_take(&r->head, c, run_remove, removed);
}

/* ---- the result ---------------------------------------------------------------------------------------------------- */

typedef struct fetching {
    asking head;
    char format[16];
    bool partial;  /* what there is of a job that failed */
    bool unsuited; /* the format cannot say what this job heard */
    char *document, *made;
    size_t document_bytes, made_bytes;
} fetching;

static void drop_fetching(asking *a) {
    fetching *f = (fetching *)a;
    mem_free(f->document);
    mem_free(f->made);
}

static steno_err run_read(work *item, db *d) {
    fetching *f = (fetching *)item;
    job *j = f->head.jobs;
    char id[IDENT_BYTES];
    memcpy(id, j->id, sizeof id);
    ERR_TRY(job_store_get(d, f->head.ask.who, id, j));
    if (j->state != JOB_DONE && !(j->state == JOB_FAILED && f->partial)) return STENO_OK;
    steno_err e = job_store_result(d, j->seq, &f->document, &f->document_bytes);
    return e == STENO_E_NOT_FOUND ? STENO_OK : e;
}

static steno_err run_render(work *item, db *d) {
    fetching *f = (fetching *)item;
    (void)d;
    return result_render(f->head.jobs, f->document, f->document_bytes, f->format, &f->made, &f->made_bytes);
}

static void read_done(work *item) {
    fetching *f = (fetching *)item;
    asking *a = &f->head;
    a->ask.working = false;
    f->unsuited = strcmp(f->format, "rttm") == 0 && !a->jobs->diarize;
    bool render = item->error == STENO_OK && f->document && a->ask.exchange && !f->unsuited;
    if (render && ask_put(&a->ask, a->owner->heavy, run_render, ask_done)) return;
    ask_done(&a->ask.head);
}

static void answer_result(asking *a, net_reply *reply) {
    fetching *f = (fetching *)a;
    const job *j = a->jobs;
    if (f->unsuited) {
        jobs_refuse(reply, 400, "bad_parameter", "format: rttm says who spoke, and this job had no diarize");
        return;
    }
    char text[400];
    if (!f->made) {
        snprintf(text, sizeof text, "the job is %s%s%s", job_state_name(j->state), j->error_text[0] ? ": " : "",
                 j->error_text);
        jobs_refuse(reply, 409, job_state_name(j->state), text);
        if (j->state <= JOB_RUNNING) reply->retry_after_s = RETRY_S;
        return;
    }
    *reply = (net_reply){.status = 200,
                         .type = result_type(f->format),
                         .headers = "cache-control: no-store\r\nx-content-type-options: nosniff\r\n",
                         .body = f->made,
                         .bytes = f->made_bytes,
                         .owned = f->made};
    f->made = NULL;
    if (j->state != JOB_DONE) reply_header(reply, "steno-warning", "incomplete: the job failed");
}

void jobs_answer_result(call *c) {
    jobs *j;
    const char *format = call_arg(c, "format"), *partial = call_arg(c, "partial");
    if (!jobs_ready(c, &j)) return;
    if (!format) format = "json";
    if (!result_type(format)) {
        jobs_refuse(c->reply, 400, "bad_parameter", "format: want json, text, srt, vtt, tsv, ctm or rttm");
        return;
    }
    fetching *f = (fetching *)ask_about(c, j, sizeof *f, 1);
    if (!f) return;
    snprintf(f->format, sizeof f->format, "%s", format);
    f->partial = partial && strcmp(partial, "true") == 0;
    f->head.answer = answer_result;
    f->head.drop = drop_fetching;
    (void)asking_take(&f->head, c, run_read, read_done);
}
