/* jobs_run.c: jobs are begun, heard, and their outcome written down. See jobs_int.h.
 *
 * The store says who is next; recording.h hears; a second thread makes the document; the store writes document, state and
 * message in one transaction. What the store cannot take is put there again until it can: a result is not thrown away
 * because a disk is full.
 */
#include "api/auth.h"
#include "api/jobs_int.h"
#include "api/service_int.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/spool.h"

#include <stdio.h>
#include <string.h>

/* What became of a job, on its way into the database. */
typedef struct finishing {
    work head;
    struct finishing *next;
    jobs *owner;
    running *of;
    job job; /* with its outcome */
    result_head about;
    document document;
    recording_result result;
    char *made; /* owned: the document that is kept */
    size_t made_bytes;
    int64_t now_ms;
    bool keep_audio, took;
    job_totals totals;
} finishing;

/* ---- who is being heard --------------------------------------------------------------------------------------------- */

running *jobs_find_running(const jobs *j, const char *id) {
    for (running *r = j->running; r; r = r->next) {
        if (strcmp(r->job.id, id) == 0) return r;
    }
    return NULL;
}

static void trace_over(running *r, const char *outcome, const char *error) {
    tracer *t = r->owner->service->tracer;
    trace_put(t, &(trace_span){.at = r->trace.at,
                               .parent = r->trace.parent,
                               .state = r->trace.state,
                               .name = "job",
                               .kind = TRACE_CONSUMER,
                               .begin_ns = r->trace.begun_ns,
                               .end_ns = trace_now_ns(),
                               .attributes = TRACE_ATTRIBUTES(
                                   TRACE_STR("steno.job.id", r->job.id), TRACE_INT("steno.attempt", r->job.attempts),
                                   TRACE_STR("steno.outcome", outcome), TRACE_STR("error.type", error)),
                               .failed = error != NULL});
    r->trace.at.recorded = false; /* once */
}

static void forget(running *r) {
    jobs *j = r->owner;
    trace_over(r, "cancelled", NULL); /* unless it was over */
    running **at = &j->running;
    while (*at != r) at = &(*at)->next;
    *at = r->next;
    j->n_running--;
    auth_leave(r->pass);
    document_free(&r->document);
    mem_free(r);
}

void jobs_stop_running(jobs *j, const char *id) {
    running *r = jobs_find_running(j, id);
    if (!r) return;
    r->cancelled = true;
    if (!r->recording) return; /* its outcome is on its way, and the store will not take it */
    recording_cancel(r->recording);
    forget(r);
    jobs_kick(j);
}

/* ---- the outcome ---------------------------------------------------------------------------------------------------- */

static void set_error(job *j, const char *code, const char *why) {
    j->state = JOB_FAILED;
    snprintf(j->error_code, sizeof j->error_code, "%s", code);
    snprintf(j->error_text, sizeof j->error_text, "%.250s", why);
}

/* The second thread: a long transcript takes its time. */
static steno_err run_write(work *item, db *d) {
    finishing *f = (finishing *)item;
    (void)d;
    document_sort(&f->document);
    ERR_TRY(result_write(&f->about, &f->document, &f->result, &f->made, &f->made_bytes));
    document_free(&f->document);
    if (f->made_bytes <= JOB_RESULT_MAX) return STENO_OK;
    set_error(&f->job, "limit", "the transcript is larger than a result may be");
    mem_free(f->made);
    f->made = NULL;
    return STENO_OK;
}

/* The store thread. */
static steno_err run_finish(work *item, db *d) {
    finishing *f = (finishing *)item;
    job *j = &f->job;
    delivery notice;
    bool wanted;
    j->ended_ms = f->now_ms;
    ERR_TRY(jobs_notice(j, &notice, &wanted));
    job_outcome o = {.state = j->state,
                     .error_code = j->error_code[0] ? j->error_code : NULL,
                     .error_text = j->error_text[0] ? j->error_text : NULL,
                     .audio_s = j->audio_s,
                     .wall_s = j->wall_s,
                     .document = f->made,
                     .document_bytes = f->made_bytes,
                     .keep_audio = f->keep_audio,
                     .notice = wanted ? &notice : NULL};
    steno_err e = job_store_finish(d, j->id, &o, f->now_ms, &f->took);
    mem_free(notice.body);
    if (e != STENO_OK) return e;
    if (!o.keep_audio) spool_remove(f->owner->dir, j->id);
    return job_store_totals(d, &f->totals);
}

static void drop(finishing *f) {
    document_free(&f->document);
    mem_free(f->made);
    mem_free(f);
}

static void put(finishing *f, worker *to);

/* Kept, and tried again. At the end of the server it is dropped: the job is still running as far as the rows say, and is
 * heard again by the next one. */
static void keep_unwritten(finishing *f, const char *why) {
    jobs *j = f->owner;
    if (j->stopped) {
        forget(f->of);
        drop(f);
        return;
    }
    log_line(LOG_LEVEL_WARN, "job %s: its outcome is not written yet: %s", f->job.id, why);
    f->next = j->unwritten;
    j->unwritten = f;
    jobs_retry(j);
}

static void finished(work *item) {
    finishing *f = (finishing *)item;
    jobs *j = f->owner;
    if (item->error != STENO_OK) {
        keep_unwritten(f, item->why);
        return;
    }
    j->totals = f->totals;
    j->done += f->took && f->job.state == JOB_DONE;
    j->failed += f->took && f->job.state == JOB_FAILED;
    log_line(LOG_LEVEL_INFO, "job %s: %s%s%s, %.1f s of audio in %.1f s", f->job.id,
             f->took ? job_state_name(f->job.state) : "was cancelled", f->job.error_code[0] ? ": " : "",
             f->job.error_code, f->job.audio_s, f->job.wall_s);
    const char *error = f->job.error_code[0] ? f->job.error_code : NULL;
    trace_over(f->of, f->took ? job_state_name(f->job.state) : "cancelled", f->took ? error : NULL);
    forget(f->of);
    drop(f);
    if (j->stopped) return;
    webhooks_kick(j->webhooks);
    jobs_kick(j);
}

static void written(work *item) {
    finishing *f = (finishing *)item;
    if (item->error != STENO_OK)
        keep_unwritten(f, item->why);
    else
        put(f, f->owner->store);
}

static void put(finishing *f, worker *to) {
    jobs *j = f->owner;
    bool store = to == j->store;
    f->head = (work){.run = store ? run_finish : run_write, .done = store ? finished : written};
    f->now_ms = jobs_wall_ms(j);
    f->keep_audio = j->config.keep_audio && !f->of->hides;
    if (!to || !worker_put(to, &f->head)) keep_unwritten(f, "the store has too much to do");
}

void jobs_write_again(jobs *j) {
    finishing *f = j->unwritten;
    j->unwritten = NULL;
    for (finishing *next; f; f = next) {
        next = f->next;
        put(f, f->made || f->job.error_code[0] ? j->store : j->heavy);
    }
}

/* ---- hearing -------------------------------------------------------------------------------------------------------- */

static void on_segment(void *user, int channel, const released_segment *s) {
    running *r = user;
    if (r->failed[0]) return;
    if (document_add(&r->document, channel, s) == STENO_OK) return;
    snprintf(r->failed, sizeof r->failed, "%s", steno_error_detail());
}

static void on_labels(void *user, int channel, const released_segment *s) {
    running *r = user;
    document_label(&r->document, channel, s);
}

static void on_turns(void *user, int channel, const steno_turn *turns, uint32_t n) {
    running *r = user;
    if (r->failed[0] || document_add_turns(&r->document, channel, turns, n) == STENO_OK) return;
    snprintf(r->failed, sizeof r->failed, "%s", steno_error_detail());
}

static void on_progress(void *user, double audio_s, double fraction) {
    running *r = user;
    r->audio_s = audio_s;
    r->fraction = fraction;
}

static void give_back(jobs *j, const char *id);

static void on_done(void *user, const recording_result *result) {
    running *r = user;
    jobs *j = r->owner;
    finishing *f = mem_alloc(1, sizeof *f);
    r->recording = NULL;
    auth_leave(r->pass); /* now: an outcome may be written after keys have closed */
    r->pass = NULL;
    if (!f) {
        log_line(LOG_LEVEL_ERROR, "job %s: no memory for its outcome: it is heard again", r->job.id);
        give_back(j, r->job.id);
        forget(r);
        return;
    }
    *f = (finishing){.owner = j, .of = r, .job = r->job, .about = r->about, .result = *result, .document = r->document};
    r->document = (document){0};
    trace_remember(&r->trace, f->job.trace); /* its message hangs below the job's span */
    f->job.state = JOB_DONE;
    f->job.audio_s = r->audio_s = result->audio_s;
    f->job.wall_s = result->wall_s;
    r->fraction = 1;
    if (result->error != STENO_OK)
        set_error(&f->job, steno_err_name(result->error), result->detail);
    else if (r->failed[0])
        set_error(&f->job, "limit", r->failed);
    put(f, j->heavy);
}

static const recording_handler hearing = {
    .segment = on_segment, .progress = on_progress, .done = on_done, .labels = on_labels, .turns = on_turns};

/* A voice may have been deleted since the job was accepted: then it is heard without that one's name. */
static steno_err ask_speakers(running *r, steno_voice voices[STENO_SPEAKERS_MAX], steno_speakers_options *out) {
    service *v = r->owner->service;
    ERR_TRY(jobs_speakers(&r->job, out));
    if (!r->job.diarize || !r->job.voices[0]) return STENO_OK;
    out->voices = voices;
    if (diarize_find_voices(v, r->pass, r->job.voices, voices, &out->n_voices) != STENO_OK) {
        log_line(LOG_LEVEL_WARN, "job %s: without voices: %s", r->job.id, steno_error_detail());
        out->n_voices = 0;
    }
    speaker_names_init(&r->about.speakers, voices, out->n_voices);
    return STENO_OK;
}

static steno_err begin(jobs *j, const job *of) {
    const engine_slot *slot = j->service->slots;
    char path[DB_PATH_BYTES_MAX];
    running *r = mem_alloc(1, sizeof *r);
    if (!r) return err_fail(STENO_E_NOMEM, "no memory for a job");
    *r = (running){.next = j->running, .owner = j, .job = *of, .pass = auth_pass_for(j->service->auth, of->owner)};
    snprintf(r->about.model, sizeof r->about.model, "%s", steno_model_name(slot->model));
    snprintf(r->about.language, sizeof r->about.language, "%s", steno_model_language(slot->model));
    trace_resume(j->service->tracer, of->trace, &r->trace);
    spool_path(j->dir, of->id, path);
    recording_options o = {.path = path,
                           .name = r->job.file_name[0] ? r->job.file_name : r->job.id,
                           .channels = of->split ? MEDIA_SPLIT : MEDIA_MIX,
                           .rank = RECORDING_JOB,
                           .pass = r->pass,
                           .trace = r->trace.at};
    steno_voice voices[STENO_SPEAKERS_MAX];
    redact_rule rule;
    redaction_rule(j->service, r->pass, &rule);
    jobs_policy(of, &o.policy);
    policy_join(&o.policy, &rule.floor); /* it may have become stricter */
    r->hides = o.policy.mode == REDACT_MASK || o.policy.mode == REDACT_PARTLY;
    steno_err e = ask_speakers(r, voices, &o.speakers);
    if (e == STENO_OK) e = recording_open(j->service, &o, &hearing, r, &r->recording);
    diarize_wipe(voices, o.speakers.n_voices);
    if (e != STENO_OK) {
        auth_leave(r->pass);
        mem_free(r);
        return e;
    }
    trace_child(j->service->tracer, &r->trace.at, "queue", trace_at_ns(of->created_ms), r->trace.begun_ns, NULL);
    j->running = r;
    j->n_running++;
    return STENO_OK;
}

/* ---- turns ---------------------------------------------------------------------------------------------------------- */

typedef struct giving_back {
    work head;
    char id[IDENT_BYTES];
} giving_back;

static steno_err run_give_back(work *item, db *d) {
    return job_store_requeue(d, ((giving_back *)item)->id, false);
}

static void gave_back(work *item) {
    mem_free(item);
}

/* What cannot be put back now is taken up by the next start. */
static void give_back(jobs *j, const char *id) {
    giving_back *g = mem_alloc(1, sizeof *g);
    if (!g) return;
    g->head = (work){.run = run_give_back, .done = gave_back};
    snprintf(g->id, sizeof g->id, "%s", id);
    if (!worker_put(j->store, &g->head)) mem_free(g);
}

static steno_err run_claim(work *item, db *d) {
    job_claim *c = (job_claim *)item;
    ERR_TRY(job_store_claim(d, c->now_ms, &c->job, &c->any));
    return job_store_totals(d, &c->totals);
}

static void claimed(work *item) {
    job_claim *c = (job_claim *)item;
    jobs *j = c->owner;
    j->claiming = false;
    if (item->error != STENO_OK) {
        log_line(LOG_LEVEL_WARN, "jobs: none is begun: %s", item->why);
        jobs_retry(j);
    } else {
        j->totals = c->totals;
    }
    if (c->any && (j->stopped || j->draining || begin(j, &c->job) != STENO_OK)) {
        give_back(j, c->job.id);
        j->totals.queued++;
        jobs_retry(j);
        return;
    }
    if (c->any || j->again) jobs_kick(j);
}

/* Live streams first: while the engine turns them away or lets their partials wait, nothing new begins. */
static bool engine_busy(const jobs *j) {
    steno_engine_stats s;
    steno_engine_get_stats(j->service->slots->engine, &s);
    return s.overloaded || s.stretch > 1.0;
}

void jobs_kick(jobs *j) {
    if (j->stopped || j->draining || j->n_running >= j->config.at_once) return;
    if (j->claiming) {
        j->again = true;
        return;
    }
    j->again = false;
    if (j->totals.queued == 0) return;
    if (engine_busy(j)) {
        jobs_retry(j);
        return;
    }
    j->claim = (job_claim){.head = {.run = run_claim, .done = claimed}, .owner = j, .now_ms = jobs_wall_ms(j)};
    j->claiming = worker_put(j->store, &j->claim.head);
    if (!j->claiming) jobs_retry(j);
}

/* At the end: who is being heard goes back into the queue, and that start does not count. */
void jobs_stop_all(jobs *j) {
    for (running *r = j->running, *next; r; r = next) {
        next = r->next;
        if (!r->recording) continue; /* its outcome is with the store, which answers when it is closed */
        recording_cancel(r->recording);
        give_back(j, r->job.id);
        forget(r);
    }
    while (j->unwritten) {
        finishing *f = j->unwritten;
        j->unwritten = f->next;
        forget(f->of);
        drop(f);
    }
}
