/* deepgram_file.c: Deepgram's answer to a recorded file. See deepgram.h.
 *
 * A body is spooled, recognised, answered; whoever hangs up before that gives all of it up. With a callback it is answered
 * once it is spooled, and what was recognised goes to the store, which sends it.
 */
#include "api/auth.h"
#include "api/deepgram_document.h"
#include "api/deepgram_int.h"
#include "api/deepgram_raw.h"
#include "api/recording.h"
#include "api/service_int.h"
#include "api/upload.h"
#include "api/webhook.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RETRY_S      2
#define JSON_HEADERS "cache-control: no-store\r\nx-content-type-options: nosniff\r\n"
#define NOT_AUDIO    "failed to process audio: corrupt or unsupported data"

typedef struct listening {
    service *service;
    net_exchange *exchange; /* NULL: it is over */
    auth_pass *pass;
    char id[LOG_ID_BYTES], model[32];
    trace_link trace;
    char trace_text[TRACE_TEXT_BYTES]; /* for the callback's row */
    deepgram_query query;
    deepgram_about about;
    upload_config spool;
    upload *body;
    uint64_t bytes; /* of the client's */
    bool headed;    /* a header of ours stands before its samples */
    EVP_MD_CTX *sum;
    char sha256[DEEPGRAM_SHA256_BYTES];
    int64_t created_ms;
    recording *recording;
    deepgram_track tracks[DEEPGRAM_CHANNELS_MAX];
    bool too_long; /* more words came than are kept */
    bool accepted; /* the callback gets what comes, whether the client is there or not */
    bool over;     /* and has it */
} listening;

static void listening_free(listening *j) {
    if (j->recording) recording_cancel(j->recording);
    upload_free(j->body);
    EVP_MD_CTX_free(j->sum);
    for (int i = 0; i < DEEPGRAM_CHANNELS_MAX; i++) deepgram_track_free(&j->tracks[i]);
    deepgram_query_free(&j->query);
    auth_leave(j->pass);
    mem_free(j);
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static void answer(listening *j, net_reply *reply) {
    reply_call_headers(reply, j->id, j->pass);
    net_answer(j->exchange, reply);
}

static void answer_error(listening *j, int status, const char *message) {
    net_reply reply = {0};
    call c = {.service = j->service};
    memcpy(c.id, j->id, sizeof c.id);
    deepgram_refuse(
        &reply, &c,
        &(call_refusal){.status = status, .message = message, .retry_after_s = status == 503 ? RETRY_S : 0});
    answer(j, &reply);
}

static void answer_refused(listening *j, const upload_refusal *why) {
    answer_error(j, why->status == 415 ? 400 : why->status, why->message);
}

/* ---- recognised ------------------------------------------------------------------------------------------------- */

static void on_segment(void *user, int channel, const released_segment *s) {
    listening *j = user;
    if (channel >= DEEPGRAM_CHANNELS_MAX) return; /* recording.h has no more */
    if (deepgram_track_add(&j->tracks[channel], s, j->query.punctuate) != STENO_OK) j->too_long = true;
}

static void on_labels(void *user, int channel, const released_segment *s) {
    listening *j = user;
    if (channel < DEEPGRAM_CHANNELS_MAX) deepgram_track_label(&j->tracks[channel], s);
}

/* What was understood of a damaged file is answered, and said to be that. */
static void warn_incomplete(listening *j, const char *detail) {
    json_t *message = json_string(detail);
    json_t *w = json_pack("{s:s, s:s, s:o}", "parameter", "audio", "type", "incomplete", "message",
                          message ? message : json_string("the audio is damaged"));
    if (w) (void)json_array_append_new(j->query.warnings, w); /* without memory the answer says less */
}

/* Steals the object. Owned: mem_free(). NULL: no memory. */
static char *json_text(json_t *o, size_t *n) {
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(10)) : NULL;
    char *copy = text ? mem_strdup(text) : NULL;
    free(text);
    json_decref(o);
    *n = copy ? strlen(copy) : 0;
    return copy;
}

static char *words_text(listening *j, const recording_result *r, size_t *n) {
    size_t unused;
    j->about.channels = r->channels > 0 && r->channels <= DEEPGRAM_CHANNELS_MAX ? r->channels : 1;
    char *metadata = json_text(deepgram_metadata(&j->about, j->sha256, j->created_ms, r->audio_s), &unused);
    char *text = metadata ? deepgram_document(j->tracks, &j->about, metadata, n) : NULL;
    mem_free(metadata);
    return text;
}

/* What is said of a recording. */
typedef struct outcome {
    int status;
    char error[ERR_DETAIL_BYTES + sizeof NOT_AUDIO + 32]; /* "": none */
    char *text;                                           /* JSON, owned: mem_free(). NULL: no memory */
    size_t n;
} outcome;

static void decide(listening *j, const recording_result *r, outcome *out) {
    *out = (outcome){.status = 200};
    if (r->error != STENO_OK && r->audio_s <= 0) {
        bool ours = r->error == STENO_E_NOMEM || r->error == STENO_E_INTERNAL || r->error == STENO_E_CANCELLED;
        out->status = ours ? 503 : 400;
        snprintf(out->error, sizeof out->error, "%s%s (%s)",
                 ours ? "" : "Bad Request: ", ours ? "not recognised" : NOT_AUDIO, r->detail);
        out->text = json_text(deepgram_error(out->status, out->error, j->id), &out->n);
        return;
    }
    if (r->error != STENO_OK) warn_incomplete(j, r->detail);
    if (j->too_long) warn_incomplete(j, "the transcript is longer than is kept: words are missing");
    out->text = words_text(j, r, &out->n);
}

static void answer_outcome(listening *j, const recording_result *r) {
    outcome o;
    decide(j, r, &o);
    if (!o.text) {
        answer_error(j, 503, "no memory for the answer");
        return;
    }
    net_reply reply = {.status = o.status,
                       .type = "application/json",
                       .headers = JSON_HEADERS,
                       .body = o.text,
                       .bytes = o.n,
                       .owned = o.text};
    if (o.status == 503) reply.retry_after_s = RETRY_S;
    if (o.error[0]) reply_header(&reply, "dg-error", o.error);
    deepgram_headers(&reply, j->id, &j->query);
    answer(j, &reply);
}

/* ---- callbacks -------------------------------------------------------------------------------------------------- */

static void let_go(listening *j) {
    j->over = true;
    if (!j->exchange) listening_free(j);
}

static void on_stored(void *user, steno_err e) {
    listening *j = user;
    if (e != STENO_OK) log_line(LOG_LEVEL_ERROR, "deepgram %s: the callback is lost: %s", j->id, steno_error_detail());
    let_go(j);
}

static steno_err post_outcome(listening *j, const recording_result *r) {
    outcome o;
    decide(j, r, &o);
    if (!o.text) return err_fail(STENO_E_NOMEM, "no memory for a callback");
    delivery d = {.kind = j->query.callback_put ? DELIVERY_PLAIN_PUT : DELIVERY_PLAIN_POST,
                  .content_type = "application/json",
                  .body = o.text,
                  .n = o.n};
    snprintf(d.url, sizeof d.url, "%s", j->query.callback);
    memcpy(d.trace, j->trace_text, sizeof j->trace_text);
    auth_leave(j->pass); /* nothing more is heard; and the store may answer when keys are gone already */
    j->pass = NULL;
    return webhooks_post(jobs_webhooks(j->service->jobs), &d, on_stored, j);
}

static void promise(listening *j) {
    net_reply reply = {0};
    j->accepted = true;
    reply_json(&reply, 200, json_pack("{s:s}", "request_id", j->id));
    deepgram_headers(&reply, j->id, &j->query);
    answer(j, &reply);
}

static void on_done(void *user, const recording_result *r) {
    listening *j = user;
    j->recording = NULL;
    if (!j->accepted) {
        answer_outcome(j, r);
        return;
    }
    steno_err e = post_outcome(j, r);
    if (e != STENO_OK) on_stored(j, e);
}

static const recording_handler recognised = {.segment = on_segment, .done = on_done, .labels = on_labels};

static void recognise(listening *j) {
    char path[32];
    const upload_file *f = upload_file_at(j->body, 0);
    deepgram_sum_end(j->sum, j->sha256);
    j->sum = NULL;
    if (j->headed && deepgram_raw_length(f->fd, j->bytes) != STENO_OK) {
        answer_error(j, 500, steno_error_detail());
        return;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", f->fd);
    recording_options o = {.path = path,
                           .name = "the audio",
                           .channels = j->query.multichannel ? MEDIA_SPLIT : MEDIA_MIX,
                           .rank = j->query.callback[0] ? RECORDING_JOB : RECORDING_REQUEST,
                           .owed = j->query.callback[0] != 0,
                           .pass = j->pass,
                           .trace = j->trace};
    redaction_policy(j->service, j->pass, &j->query.redact, &o.policy);
    steno_speakers_options_init(&o.speakers);
    if (j->query.diarize) o.speakers.contract = STENO_SPEAKERS_REVISE;
    steno_err e = recording_open(j->service, &o, &recognised, j, &j->recording);
    if (e == STENO_OK) {
        if (j->query.callback[0]) promise(j);
        return;
    }
    bool busy = e == STENO_E_LIMIT || e == STENO_E_AGAIN || e == STENO_E_NOMEM;
    answer_error(j, busy ? 503 : e == STENO_E_UNSUPPORTED ? 501 : 400, steno_error_detail());
}

/* ---- the body --------------------------------------------------------------------------------------------------- */

/* Bare samples get the header they lack. */
static bool begin_body(listening *j, const unsigned char *bytes, size_t n, upload_refusal *why) {
    unsigned char header[DEEPGRAM_RAW_BYTES];
    if (!j->query.raw || deepgram_raw_has_header(bytes, n)) return true;
    deepgram_raw_header(&j->query.audio, header);
    j->headed = true;
    return upload_push(j->body, header, sizeof header, false, why) == STENO_OK;
}

static void on_body(void *user, const unsigned char *bytes, size_t n, bool last) {
    listening *j = user;
    upload_refusal why = {0};
    bool good = j->bytes || n == 0 || begin_body(j, bytes, n, &why);
    j->bytes += n;
    if (good && n) EVP_DigestUpdate(j->sum, bytes, n);
    if (good) good = upload_push(j->body, bytes, n, last, &why) == STENO_OK;
    if (!good)
        answer_refused(j, &why);
    else if (last && j->bytes == 0)
        answer_error(j, 400, NOT_AUDIO " (the body is empty)");
    else if (last)
        recognise(j);
}

static void on_gone(void *user, bool complete) {
    listening *j = user;
    (void)complete;
    j->exchange = NULL;
    if (!j->accepted || j->over) listening_free(j);
}

static const net_exchange_handler body_calls = {.body = on_body, .gone = on_gone};

/* ---- requests --------------------------------------------------------------------------------------------------- */

static bool refuse(const call *c, int status, const char *message) {
    deepgram_refuse(
        c->reply, c,
        &(call_refusal){.status = status, .message = message, .retry_after_s = status == 503 ? RETRY_S : 0});
    return false;
}

static listening *listening_make(const call *c) {
    listening *j = mem_alloc(1, sizeof *j);
    if (!j) return NULL;
    *j = (listening){.service = c->service, .exchange = c->exchange, .created_ms = deepgram_calendar_ms()};
    memcpy(j->id, c->id, sizeof j->id);
    j->trace = c->trace.at;
    trace_remember(&c->trace, j->trace_text);
    snprintf(j->model, sizeof j->model, "%s", steno_model_name(c->service->slots->model));
    j->about = (deepgram_about){.request_id = j->id, .model = j->model, .query = &j->query, .channels = 1};
    return j;
}

static bool prepare(listening *j, const call *c) {
    upload_refusal why = {0};
    const char *language = steno_model_language(c->service->slots->model);
    if (!deepgram_read_query(c, DEEPGRAM_FILE, j->model, language, &j->query)) return false;
    if (j->query.diarize && !diarize_served(c->service) && deepgram_query_no_speakers(&j->query) != STENO_OK)
        return refuse(c, 503, "no memory for a recording");
    if (j->query.callback[0] && !c->service->jobs)
        return refuse(c, 503, "callback: this server keeps nothing, so it calls nobody back");
    if (j->query.callback[0] && webhook_url_check(j->query.callback) != STENO_OK)
        return refuse(c, 400, steno_error_detail());
    if (c->service->draining) return refuse(c, 503, "this server takes no new recordings");
    j->spool = (upload_config){.raw = true, .files_max = 1};
    if (!(j->sum = deepgram_sum_start())) return refuse(c, 503, "no memory for a recording");
    if (upload_open(&j->spool, "application/octet-stream", &j->body, &why) != STENO_OK)
        return refuse(c, why.status, why.message);
    return true;
}

static bool is_type(const char *content_type, const char *type) {
    size_t n = strlen(type);
    return strncasecmp(content_type, type, n) == 0 && strchr("; \t", content_type[n]);
}

/* {"url": …}: nothing is fetched from addresses that strangers name. */
typedef struct address {
    net_exchange *exchange;
    char id[LOG_ID_BYTES];
    char text[DEEPGRAM_URL_BODY_BYTES];
    size_t n;
    bool too_long;
} address;

static const char *address_error(const address *a) {
    json_t *o = a->too_long ? NULL : json_loadb(a->text, a->n, 0, NULL);
    bool named = json_is_string(json_object_get(o, "url"));
    json_decref(o);
    return named ? "url: this server fetches nothing from other addresses; send the bytes of the file as the body"
                 : "Content-type was application/json, but we could not process the JSON payload.";
}

static void on_address(void *user, const unsigned char *bytes, size_t n, bool last) {
    address *a = user;
    a->too_long |= n > sizeof a->text - a->n;
    if (!a->too_long) {
        memcpy(a->text + a->n, bytes, n);
        a->n += n;
    }
    if (!last && !a->too_long) return;
    net_reply reply = {0};
    call c = {0};
    memcpy(c.id, a->id, sizeof c.id);
    deepgram_refuse(&reply, &c, &(call_refusal){.status = 400, .message = address_error(a)});
    reply_header(&reply, "x-request-id", a->id);
    net_answer(a->exchange, &reply);
}

static void on_address_gone(void *user, bool complete) {
    (void)complete;
    mem_free(user);
}

static const net_exchange_handler address_calls = {.body = on_address, .gone = on_address_gone};

static void answer_address(call *c) {
    address *a = mem_alloc(1, sizeof *a);
    if (!a) {
        refuse(c, 503, "no memory for a request");
        return;
    }
    a->exchange = c->exchange;
    memcpy(a->id, c->id, sizeof a->id);
    net_take(c->exchange, &address_calls, a, 0);
}

void deepgram_answer(call *c) {
    const char *type = c->request->content_type;
    if (is_type(type, "application/json")) {
        answer_address(c);
        return;
    }
    if (is_type(type, "multipart/form-data")) {
        refuse(c, 400, "multipart/form-data is not read here: send the bytes of the file as the body");
        return;
    }
    listening *j = listening_make(c);
    if (!j) {
        refuse(c, 503, "no memory for a recording");
    } else if (!prepare(j, c)) {
        listening_free(j);
    } else {
        j->pass = c->pass;
        c->pass = NULL;
        net_take(c->exchange, &body_calls, j, 0);
    }
}
