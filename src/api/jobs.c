/* jobs.c: the life of the queue: taking up what was left, forgetting what is old, ending. See jobs.h. */
#include "api/jobs_int.h"
#include "api/service_int.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/spool.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t system_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t jobs_wall_ms(const jobs *j) {
    return j->config.wall_ms();
}

void jobs_retry(jobs *j) {
    if (!j->stopped) net_timer_set(j->retry, JOBS_RETRY_MS);
}

static void on_retry(void *ctx) {
    jobs *j = ctx;
    jobs_write_again(j);
    jobs_kick(j);
}

static void on_heavy(void *ctx) {
    jobs *j = ctx;
    worker_deliver(j->heavy);
}

/* ---- what an earlier server left (the store thread, while this one waits) ------------------------------------------- */

typedef struct taking_up {
    work head;
    const jobs *owner;
    int64_t now_ms;
    bool over;
    int again, failed, orphans;
    job_totals totals;
} taking_up;

static steno_err fail_left(taking_up *t, db *d, job *j, const char *code, const char *why) {
    delivery notice;
    bool wanted, took;
    j->state = JOB_FAILED;
    j->ended_ms = t->now_ms;
    snprintf(j->error_code, sizeof j->error_code, "%s", code);
    snprintf(j->error_text, sizeof j->error_text, "%s", why);
    ERR_TRY(jobs_notice(j, &notice, &wanted));
    job_outcome o = {.state = JOB_FAILED, .error_code = code, .error_text = why, .notice = wanted ? &notice : NULL};
    steno_err e = job_store_finish(d, j->id, &o, t->now_ms, &took);
    mem_free(notice.body);
    t->failed++;
    return e;
}

/* A job that was running begins again, unless it is what ends servers. */
static steno_err take_up_running(taking_up *t, db *d) {
    job j;
    bool any;
    for (int64_t after = 0;; after = j.seq) {
        ERR_TRY(job_store_next(d, JOB_RUNNING, after, &j, &any));
        if (!any) return STENO_OK;
        if (j.attempts >= JOB_ATTEMPTS_MAX) {
            char why[160];
            snprintf(why, sizeof why, "the server ended %d times while this recording was heard", j.attempts);
            ERR_TRY(fail_left(t, d, &j, "attempts", why));
            spool_remove(t->owner->dir, j.id);
            continue;
        }
        ERR_TRY(job_store_requeue(d, j.id, true));
        t->again++;
    }
}

static steno_err fail_without_audio(taking_up *t, db *d) {
    job j;
    bool any;
    for (int64_t after = 0;; after = j.seq) {
        ERR_TRY(job_store_next(d, JOB_QUEUED, after, &j, &any));
        if (!any) return STENO_OK;
        if (spool_has(t->owner->dir, j.id)) continue;
        ERR_TRY(fail_left(t, d, &j, "audio_lost", "the recording is not in the data directory any more"));
    }
}

static steno_err keep_file(void *ctx, const char *id, bool *keeps) {
    job j;
    steno_err e = job_store_get(ctx, NULL, id, &j);
    *keeps = e == STENO_OK && j.has_audio;
    return e == STENO_E_NOT_FOUND ? STENO_OK : e;
}

static steno_err run_take_up(work *item, db *d) {
    taking_up *t = (taking_up *)item;
    ERR_TRY(delivery_store_recover(d));
    ERR_TRY(take_up_running(t, d));
    ERR_TRY(fail_without_audio(t, d));
    ERR_TRY(spool_clean(t->owner->dir, keep_file, d, &t->orphans));
    return job_store_totals(d, &t->totals);
}

static void took_up(work *item) {
    ((taking_up *)item)->over = true;
}

static steno_err take_up(jobs *j) {
    taking_up t = {.head = {.run = run_take_up, .done = took_up}, .owner = j, .now_ms = jobs_wall_ms(j)};
    if (strlen(j->dir) > JOBS_DIR_BYTES_MAX)
        return err_fail(STENO_E_INVALID, "data_dir %.60s…: longer than %d bytes", j->dir, JOBS_DIR_BYTES_MAX);
    ERR_TRY(spool_prepare(j->dir));
    ERR_TRY(spool_lock(j->dir, &j->lock_fd));
    if (!worker_put(j->store, &t.head)) return err_fail(STENO_E_AGAIN, "the store has too much to do");
    while (!t.over) {
        struct pollfd at = {.fd = worker_fd(j->store), .events = POLLIN};
        if (poll(&at, 1, -1) == 1) worker_deliver(j->store);
    }
    if (t.head.error != STENO_OK) return err_fail(t.head.error, "%s", t.head.why);
    j->totals = t.totals;
    if (t.totals.queued || t.again || t.failed || t.orphans)
        log_line(LOG_LEVEL_INFO,
                 "jobs: %lld wait, %d of them were interrupted; %d failed; %d recordings of nobody were removed",
                 (long long)t.totals.queued, t.again, t.failed, t.orphans);
    return STENO_OK;
}

/* ---- forgetting ---------------------------------------------------------------------------------------------------- */

static steno_err run_sweep(work *item, db *d) {
    job_sweep *s = (job_sweep *)item;
    ERR_TRY(job_store_expire(d, s->before_ms, s->ids, JOBS_EXPIRE_MAX, &s->n));
    for (int i = 0; i < s->n; i++) spool_remove(s->owner->dir, s->ids[i]);
    ERR_TRY(delivery_store_expire(d, s->before_ms));
    return job_store_totals(d, &s->totals);
}

static void swept(work *item) {
    job_sweep *s = (job_sweep *)item;
    jobs *j = s->owner;
    j->sweep_busy = false;
    if (item->error != STENO_OK) {
        log_line(LOG_LEVEL_WARN, "jobs: nothing is forgotten: %s", item->why);
        return;
    }
    j->totals = s->totals;
    if (s->n) log_line(LOG_LEVEL_INFO, "jobs: %d that were over for %d h are forgotten", s->n, j->config.retention_h);
    if (s->n == JOBS_EXPIRE_MAX && !j->stopped) net_timer_set(j->sweep, 1);
}

/* A clock that jumped would have everything forgotten at once. */
static void on_sweep(void *ctx) {
    jobs *j = ctx;
    int64_t now_ms = jobs_wall_ms(j);
    bool was = j->clock.jumped, trusted = jobs_clock_trusts(&j->clock, now_ms, net_now_ms());
    if (!trusted && !was)
        log_line(LOG_LEVEL_WARN, "the clock jumped: no job is forgotten until it has been steady for an hour");
    net_timer_set(j->sweep, JOBS_SWEEP_MS);
    if (!trusted || j->config.retention_h == 0 || j->sweep_busy) return;
    j->sweeping.head = (work){.run = run_sweep, .done = swept};
    j->sweeping.owner = j;
    j->sweeping.before_ms = now_ms - (int64_t)j->config.retention_h * 3600000;
    j->sweep_busy = worker_put(j->store, &j->sweeping.head);
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

static steno_err read_webhooks(const jobs_config *c, webhooks_config *out) {
    *out =
        (webhooks_config){.send = {.timeout_ms = c->webhook_timeout_s * 1000,
                                   .ca_file = c->webhook_ca_file && c->webhook_ca_file[0] ? c->webhook_ca_file : NULL,
                                   .wall_ms = c->wall_ms},
                          .retry_ms = c->webhook_retry_ms,
                          .attempts_max = c->webhook_attempts};
    return webhook_networks_parse(&out->send.networks, c->webhook_networks ? c->webhook_networks : "");
}

static steno_err open_webhooks(jobs *j) {
    webhooks_config w;
    ERR_TRY(read_webhooks(&j->config, &w));
    w.tracer = j->service->tracer;
    return webhooks_open(&w, j->service->net, j->store, &j->webhooks);
}

static steno_err start(jobs *j) {
    net *n = j->service->net;
    ERR_TRY(take_up(j));
    ERR_TRY(worker_open(NULL, &j->heavy));
    j->heavy_watch = net_watch_open(n, worker_fd(j->heavy), on_heavy, j);
    j->retry = net_timer_open(n, on_retry, j);
    j->sweep = net_timer_open(n, on_sweep, j);
    if (!j->heavy_watch || !j->retry || !j->sweep) return err_fail(STENO_E_NOMEM, "no memory for jobs");
    ERR_TRY(open_webhooks(j));
    net_timer_set(j->sweep, 1);
    net_timer_set(j->retry, 1); /* begins what waits, once the network runs */
    webhooks_kick(j->webhooks);
    return STENO_OK;
}

steno_err jobs_open(const jobs_config *config, service *v, const char *dir, worker *store, jobs **out) {
    jobs *j = mem_alloc(1, sizeof *j);
    *out = NULL;
    if (!j) return err_fail(STENO_E_NOMEM, "no memory for jobs");
    j->config = *config;
    if (!j->config.wall_ms) j->config.wall_ms = system_ms;
    j->service = v;
    j->store = store;
    j->lock_fd = -1;
    snprintf(j->dir, sizeof j->dir, "%s", dir);
    steno_err e = start(j);
    j->config.webhook_networks = j->config.webhook_ca_file = NULL; /* the caller's; used */
    if (e != STENO_OK) {
        char why[ERR_DETAIL_BYTES];
        snprintf(why, sizeof why, "%s", steno_error_detail());
        jobs_stop(j);
        jobs_close(j);
        return err_fail(e, "%s", why);
    }
    *out = j;
    return STENO_OK;
}

steno_err jobs_configure(jobs *j, const jobs_config *config) {
    jobs_config c = *config;
    webhooks_config w;
    c.wall_ms = j->config.wall_ms;
    c.at_once = j->config.at_once;
    ERR_TRY(read_webhooks(&c, &w));
    webhooks_configure(j->webhooks, &w);
    c.webhook_networks = c.webhook_ca_file = NULL;
    j->config = c;
    return STENO_OK;
}

void jobs_drain(jobs *j) {
    j->draining = true;
}

void jobs_stop(jobs *j) {
    if (!j || j->stopped) return;
    j->stopped = true;
    if (j->retry) net_timer_close(j->retry);
    if (j->sweep) net_timer_close(j->sweep);
    if (j->heavy_watch) net_watch_close(j->heavy_watch);
    worker_close(j->heavy); /* what it has done may still go to the store */
    j->heavy = NULL;
    jobs_stop_all(j);
    webhooks_stop(j->webhooks);
}

void jobs_close(jobs *j) {
    if (!j) return;
    webhooks_close(j->webhooks);
    if (j->lock_fd >= 0) close(j->lock_fd);
    mem_free(j);
}

webhooks *jobs_webhooks(jobs *j) {
    return j->webhooks;
}

json_t *jobs_status(const jobs *j) {
    webhooks_counts w;
    webhooks_get_counts(j->webhooks, &w);
    return json_pack("{s:I, s:i, s:I, s:i, s:I, s:I, s:I, s:I, s:I, s:{s:i, s:I, s:I, s:I}}", "queued",
                     (json_int_t)j->totals.queued, "running", j->n_running, "spool_bytes",
                     (json_int_t)(j->totals.spool_bytes + j->transfer_bytes), "transfers", j->transfers, "accepted",
                     (json_int_t)j->accepted, "done", (json_int_t)j->done, "failed", (json_int_t)j->failed, "cancelled",
                     (json_int_t)j->cancelled, "refused", (json_int_t)j->refused, "webhooks", "under_way", w.under_way,
                     "delivered", (json_int_t)w.delivered, "failed_attempts", (json_int_t)w.failed_attempts, "given_up",
                     (json_int_t)w.given_up);
}
