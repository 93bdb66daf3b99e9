/* jobs_post.c: POST /v1/jobs: an upload becomes jobs. See jobs.h; docs/jobs.md.
 *
 * The way: upload.h takes the body into files without names, beside the spool; the second thread puts each on the disk
 * under its job's id; the store adds all rows in one transaction; only then is 202 said. Whatever fails on the way takes the
 * files with it, and what a crash leaves is removed at the next start because no row names it.
 */
#include "api/auth.h"
#include "api/events.h"
#include "api/jobs_int.h"
#include "api/service_int.h"
#include "api/upload.h"
#include "api/webhook.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/spool.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FULL_RETRY_S 30

/* head.jobs[0] is the pattern until the files are known. */
typedef struct handing_in {
    asking head;
    upload *upload;
    bool form;         /* multipart: answered with a list */
    bool made_secret;  /* the client has none of its own: it is told */
    int64_t reserved;  /* bytes of the spool */
    bool transferring; /* counted among the transfers */
    char directory[DB_PATH_BYTES_MAX], language[16];
    int fds[UPLOAD_FILES_MAX];
    int n_fds, n_stored; /* stored: files that have names */
    int64_t now_ms;
    redact_wish redact;
    job_add_answer added;
    job_totals totals;
} handing_in;

static void end_transfer(handing_in *h) {
    jobs *j = h->head.owner;
    if (!h->transferring) return;
    h->transferring = false;
    j->transfers--;
    j->transfer_bytes -= h->reserved;
}

static void drop_handing_in(asking *a) {
    handing_in *h = (handing_in *)a;
    end_transfer(h);
    for (int i = 0; i < h->n_fds; i++) close(h->fds[i]);
}

/* ---- on the threads ------------------------------------------------------------------------------------------------ */

static void unstore(handing_in *h) {
    for (int i = 0; i < h->n_stored; i++) spool_remove(h->head.owner->dir, h->head.jobs[i].id);
    h->n_stored = 0;
}

static bool hash_file(EVP_MD_CTX *hash, int fd, unsigned char *block, size_t bytes) {
    off_t at = 0;
    for (ssize_t n; (n = pread(fd, block, bytes, at)) != 0; at += n) {
        if (n < 0 || !EVP_DigestUpdate(hash, block, (size_t)n)) return false;
    }
    return true;
}

static bool hash_all(const handing_in *h, EVP_MD_CTX *hash, unsigned char *block, size_t bytes) {
    const job *j = h->head.jobs;
    char options[512];
    int n = snprintf(options, sizeof options, "%s|%d|%d|%d|%.400s", j->language, j->words, j->split, h->head.n,
                     j->webhook_url);
    if (j->diarize && n > 0 && (size_t)n < sizeof options)
        snprintf(options + n, sizeof options - (size_t)n, "|%d|%d", j->min_speakers, j->max_speakers);
    char redact[sizeof j->redact + sizeof j->redact_types + 32];
    snprintf(redact, sizeof redact, "|%s|%s|%d|%d", j->redact, j->redact_types, j->redact_hold_ms, j->itn);
    bool plain = strcmp(j->redact, "off") == 0 && !j->itn;
    bool ok = EVP_DigestInit_ex(hash, EVP_sha256(), NULL) && n > 0 &&
              EVP_DigestUpdate(hash, options, strlen(options)) &&
              EVP_DigestUpdate(hash, j->metadata, strlen(j->metadata)) &&
              EVP_DigestUpdate(hash, j->voices, strlen(j->voices)) &&
              (plain || EVP_DigestUpdate(hash, redact, strlen(redact)));
    for (int i = 0; i < h->head.n && ok; i++) ok = hash_file(hash, h->fds[i], block, bytes);
    return ok;
}

/* Of what was sent: the same key with something else is a client's mistake. */
static steno_err fingerprint(handing_in *h) {
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    const size_t bytes = 65536;
    unsigned char *block = mem_alloc(bytes, 1);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool ok = block && hash && hash_all(h, hash, block, bytes) && EVP_DigestFinal_ex(hash, sum, &n) && n == 32;
    EVP_MD_CTX_free(hash);
    mem_free(block);
    if (!ok) return err_fail(STENO_E_IO, "an upload could not be read again");
    for (unsigned i = 0; i < n; i++) snprintf(h->head.jobs[0].fingerprint + (size_t)2 * i, 3, "%02x", sum[i]);
    for (int i = 1; i < h->head.n; i++)
        memcpy(h->head.jobs[i].fingerprint, h->head.jobs[0].fingerprint, sizeof h->head.jobs[0].fingerprint);
    return STENO_OK;
}

static steno_err run_keep(work *item, db *d) {
    handing_in *h = (handing_in *)item;
    (void)d;
    steno_err e = h->head.jobs[0].idempotency[0] ? fingerprint(h) : STENO_OK;
    for (int i = 0; i < h->head.n && e == STENO_OK; i++) {
        e = spool_adopt(h->head.owner->dir, h->head.jobs[i].id, h->fds[i]);
        h->n_stored += e == STENO_OK;
    }
    if (e != STENO_OK) unstore(h);
    return e;
}

static steno_err run_add(work *item, db *d) {
    handing_in *h = (handing_in *)item;
    char ids[UPLOAD_FILES_MAX][IDENT_BYTES];
    int files = h->n_stored;
    for (int i = 0; i < files; i++) memcpy(ids[i], h->head.jobs[i].id, sizeof ids[i]);
    steno_err e = job_store_add(d, h->head.jobs, &h->head.n, h->now_ms, &h->added);
    if (e == STENO_OK && h->added == JOB_ADDED) return job_store_totals(d, &h->totals);
    for (int i = 0; i < files; i++)
        spool_remove(h->head.owner->dir, ids[i]); /* they are there already, or not wanted */
    if (e == STENO_OK) e = job_store_totals(d, &h->totals);
    return e;
}

/* ---- answers ------------------------------------------------------------------------------------------------------ */

/* A secret that was made is said here, to whoever asks again with the same key too, and nowhere else. */
static json_t *accepted_json(const handing_in *h, const job *j) {
    json_t *o = jobs_json(j, NULL, NULL);
    json_t *hook = json_object_get(o, "webhook");
    if (hook && h->made_secret)
        json_object_set_new(hook, "secret", events_string(j->webhook_secret, strlen(j->webhook_secret)));
    return o;
}

static void answer_post(asking *a, net_reply *reply) {
    handing_in *h = (handing_in *)a;
    char where[64];
    if (h->added == JOB_KEY_REUSED) {
        jobs_refuse(reply, 422, "key_reused", "idempotency_key: it was used with another recording or other options");
        return;
    }
    json_t *body = NULL;
    if (h->form) {
        json_t *all = json_array();
        for (int i = 0; i < a->n; i++) json_array_append_new(all, accepted_json(h, &a->jobs[i]));
        body = json_pack("{s:o}", "jobs", all);
    } else {
        body = accepted_json(h, a->jobs);
    }
    reply_json(reply, 202, body);
    snprintf(where, sizeof where, "/v1/jobs/%s", a->jobs[0].id);
    if (a->n == 1) reply_header(reply, "location", where);
    if (h->added == JOB_REPLAYED) reply_header(reply, "idempotency-replayed", "true");
}

static void added(work *item) {
    handing_in *h = (handing_in *)item;
    jobs *j = h->head.owner;
    end_transfer(h);
    if (item->error == STENO_OK) {
        j->totals = h->totals;
        if (h->added == JOB_ADDED) j->accepted += (uint64_t)h->head.n;
    }
    ask_done(item);
    if (!j->stopped) jobs_kick(j);
}

static void kept(work *item) {
    handing_in *h = (handing_in *)item;
    asking *a = &h->head;
    a->ask.working = false;
    if (item->error == STENO_OK && ask_put(&a->ask, a->owner->store, run_add, added)) return;
    if (h->n_stored) unstore(h); /* the store has no room: rare, and two names to remove */
    ask_done(item);
}

/* ---- the body ------------------------------------------------------------------------------------------------------ */

/* A refusal while the exchange is ours and nothing is under way. */
static void refuse_now(handing_in *h, int status, const char *code, const char *text) {
    net_reply reply = {0};
    h->head.owner->refused++;
    jobs_refuse(&reply, status, code, text);
    reply_call_headers(&reply, h->head.ask.request, h->head.ask.pass);
    net_answer(h->head.ask.exchange, &reply);
}

/* Said now and not when the job's turn comes. */
static steno_err check_speakers(const handing_in *h) {
    const job *j = h->head.jobs;
    service *v = h->head.owner->service;
    steno_voice voices[STENO_SPEAKERS_MAX];
    int n;
    ERR_TRY(jobs_options_check(j));
    if (!j->diarize) return STENO_OK;
    if (!diarize_served(v)) return err_fail(STENO_E_UNSUPPORTED, "diarize: this server does not tell speakers apart");
    steno_err e = diarize_find_voices(v, h->head.ask.pass, j->voices, voices, &n);
    diarize_wipe(voices, n);
    return e;
}

static steno_err take_option(handing_in *h, const char *name, const char *value) {
    bool mine;
    ERR_TRY(redaction_take(&h->redact, name, value, &mine));
    return mine ? STENO_OK : jobs_option(h->head.jobs, name, value, h->language);
}

static steno_err read_fields(handing_in *h) {
    for (int i = 0; i < upload_fields(h->upload); i++) {
        const upload_field *f = upload_field_at(h->upload, i);
        ERR_TRY(take_option(h, f->name, f->value));
    }
    gate_policy policy;
    redaction_policy(h->head.owner->service, h->head.ask.pass, &h->redact, &policy);
    jobs_keep_policy(h->head.jobs, &policy);
    return check_speakers(h);
}

/* One job a file, all after the same pattern. */
static steno_err make_jobs(handing_in *h) {
    asking *a = &h->head;
    int files = upload_files(h->upload);
    job *all = mem_alloc((size_t)files, sizeof *all);
    if (!all) return err_fail(STENO_E_NOMEM, "no memory for %d jobs", files);
    for (int i = 0; i < files; i++) {
        const upload_file *f = upload_file_at(h->upload, i);
        job *j = &all[i];
        *j = a->jobs[0];
        j->part = i;
        j->bytes = (int64_t)f->bytes;
        memcpy(j->owner, a->ask.who, sizeof j->owner);
        if (f->filename[0]) snprintf(j->file_name, sizeof j->file_name, "%s", f->filename);
        snprintf(j->content_type, sizeof j->content_type, "%s", f->type);
    }
    mem_free(a->jobs);
    a->jobs = all;
    a->n_jobs = a->n = files;
    for (int i = 0; i < files; i++) ERR_TRY(ident_make(JOB_ID_PREFIX, all[i].id));
    return STENO_OK;
}

/* What was not allowed to be known before the body was there. False: it was refused. */
static bool check_whole(handing_in *h) {
    jobs *j = h->head.owner;
    int files = upload_files(h->upload);
    int64_t bytes = 0;
    steno_err e = read_fields(h);
    if (e != STENO_OK) {
        refuse_now(h, 400, "bad_parameter", steno_error_detail());
        return false;
    }
    if (files == 0) {
        refuse_now(h, 400, "no_file", "the form has no file");
        return false;
    }
    for (int i = 0; i < files; i++) {
        bytes += (int64_t)upload_file_at(h->upload, i)->bytes;
        if (upload_file_at(h->upload, i)->bytes > 0) continue;
        refuse_now(h, 400, "empty_file", "a recording of no bytes");
        return false;
    }
    if (j->totals.queued + files > j->config.max_queued) {
        refuse_now(h, 429, "queue_full", "so many jobs wait already: try again later");
        return false;
    }
    j->transfer_bytes += bytes - h->reserved; /* what it is in truth, until the row is there */
    h->reserved = bytes;
    if (j->totals.spool_bytes + j->transfer_bytes <= (int64_t)j->config.spool_max_mb << 20) return true;
    refuse_now(h, 507, "spool_full", "the recordings that wait take all the space they may");
    return false;
}

static void on_whole(void *user, upload *u) {
    handing_in *h = user;
    asking *a = &h->head;
    h->upload = u;
    if (!check_whole(h)) return;
    job *pattern = a->jobs;
    steno_err e = STENO_OK;
    h->made_secret = pattern->webhook_url[0] && !pattern->webhook_secret[0];
    if (h->made_secret) e = webhook_secret_make(pattern->webhook_secret);
    if (e == STENO_OK) e = make_jobs(h);
    for (int i = 0; i < a->n && e == STENO_OK; i++) h->fds[h->n_fds++] = upload_release_fd(u, i);
    h->now_ms = jobs_wall_ms(a->owner);
    if (e == STENO_OK && ask_put(&a->ask, a->owner->heavy, run_keep, kept)) return;
    refuse_now(h, 503, "busy", "the server has too much to write: try again");
}

static void on_refused(void *user, upload *u, const upload_refusal *why) {
    handing_in *h = user;
    (void)u;
    const char *code = why->status == 413 ? "too_large" : why->status == 415 ? "bad_type" : "bad_upload";
    refuse_now(h, why->status, why->status == 507 ? "disk_full" : code, why->message);
}

static void on_gone(void *user, bool complete) {
    handing_in *h = user;
    (void)complete;
    h->upload = NULL;
    ask_gone(&h->head.ask);
}

static const upload_handler taking = {.whole = on_whole, .refused = on_refused, .gone = on_gone};

/* ---- the request --------------------------------------------------------------------------------------------------- */

/* curl sends form types when nothing is said: a recording under it would be a surprise later. */
static bool good_type(const char *type) {
    static const char *const fine[] = {"audio/", "video/", "multipart/form-data", "application/octet-stream",
                                       "application/ogg"};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        if (strncasecmp(type, fine[i], strlen(fine[i])) == 0) return true;
    }
    return false;
}

static steno_err read_query(handing_in *h, const call *c) {
    const net_request *r = c->request;
    char value[JOB_IDEMPOTENCY_BYTES + 1];
    job *j = h->head.jobs;
    snprintf(j->language, sizeof j->language, "%s", h->language);
    if (r->too_many_args) return err_fail(STENO_E_INVALID, "too many parameters, or one that is too long");
    if (net_header(r, "idempotency-key", value, sizeof value))
        ERR_TRY(jobs_option(j, "idempotency_key", value, h->language));
    for (int i = 0; i < r->n_args; i++) {
        char name[64];
        const char *equals = strchr(r->args[i], '=');
        size_t n = equals ? (size_t)(equals - r->args[i]) : strlen(r->args[i]);
        if (strncmp(r->args[i], "access_token=", 13) == 0) continue; /* a key, for those who keep them */
        snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), r->args[i]);
        ERR_TRY(take_option(h, name, equals ? equals + 1 : ""));
    }
    return STENO_OK;
}

/* Before a byte of the body is taken. */
static bool may_come(call *c, jobs *j) {
    const net_request *r = c->request;
    int64_t room = ((int64_t)j->config.spool_max_mb << 20) - j->totals.spool_bytes - j->transfer_bytes;
    if (j->draining) {
        jobs_refuse(c->reply, 503, "draining", "this server takes no new jobs");
    } else if (!good_type(r->content_type)) {
        jobs_refuse(c->reply, 415, "bad_type", "want a Content-Type of audio/*, video/* or multipart/form-data");
    } else if (j->totals.queued >= j->config.max_queued) {
        jobs_refuse(c->reply, 429, "queue_full", "so many jobs wait already: try again later");
        c->reply->retry_after_s = FULL_RETRY_S;
    } else if (j->transfers >= JOBS_TRANSFERS_MAX) {
        jobs_refuse(c->reply, 503, "busy", "so many uploads are under way already: try again");
    } else if (room <= 0 || r->content_length > room) {
        jobs_refuse(c->reply, 507, "spool_full", "the recordings that wait take all the space they may");
    } else {
        return true;
    }
    j->refused++;
    return false;
}

static bool take_upload(handing_in *h, call *c) {
    jobs *j = h->head.owner;
    upload_refusal why;
    upload_config config = {.directory = h->directory,
                            .raw = true,
                            .files_max = UPLOAD_FILES_MAX,
                            .bytes_max = j->config.body_bytes_max,
                            .field_bytes_max = JOBS_FIELD_BYTES_MAX};
    snprintf(h->directory, sizeof h->directory, "%.400s/" SPOOL_FOLDER, j->dir);
    if (upload_take(c->exchange, c->request, &config, &taking, h, &h->upload, &why) != STENO_OK) {
        jobs_refuse(c->reply, why.status, why.status == 415 ? "bad_type" : "bad_upload", why.message);
        return false;
    }
    ask_take(&h->head.ask, c);
    h->transferring = true;
    h->reserved = c->request->content_length > 0 ? c->request->content_length : 0;
    j->transfers++;
    j->transfer_bytes += h->reserved;
    return true;
}

void jobs_answer_post(call *c) {
    jobs *j;
    if (!jobs_ready(c, &j) || !may_come(c, j)) return;
    handing_in *h = (handing_in *)asking_make(c, j, sizeof *h, 1);
    if (!h) return;
    h->head.drop = drop_handing_in;
    h->head.answer = answer_post;
    h->form = multipart_is(c->request->content_type);
    snprintf(h->language, sizeof h->language, "%s", steno_model_language(c->service->slots->model));
    trace_remember(&c->trace, h->head.jobs[0].trace);
    if (read_query(h, c) != STENO_OK)
        jobs_refuse(c->reply, 400, "bad_parameter", steno_error_detail());
    else if (take_upload(h, c))
        return;
    j->refused++;
    ask_gone(&h->head.ask);
}
