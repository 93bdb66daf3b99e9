/* deepgram_file.c: Deepgram's answer to a recorded file. See deepgram.h.
 *
 * A body is spooled, recognised, answered; whoever hangs up before that gives all of it up.
 */
#include "api/deepgram_document.h"
#include "api/deepgram_int.h"
#include "api/deepgram_raw.h"
#include "api/auth.h"
#include "api/service_int.h"
#include "api/upload.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NOT_AUDIO "failed to process audio: corrupt or unsupported data"

typedef struct job {
    service *service;
    net_exchange *exchange; /* NULL: the client has gone */
    auth_pass *pass;
    char id[CALL_ID_BYTES], model[32];
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
    document words;
    bool too_long; /* more words came than are kept */
} job;

static void job_free(job *j) {
    if (j->recording) recording_cancel(j->recording);
    upload_free(j->body);
    EVP_MD_CTX_free(j->sum);
    document_free(&j->words);
    deepgram_query_free(&j->query);
    auth_leave(j->pass);
    mem_free(j);
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static void answer(job *j, net_reply *reply) {
    reply_header(reply, "x-request-id", j->id);
    net_answer(j->exchange, reply);
}

static void answer_error(job *j, int status, const char *message) {
    net_reply reply = {0};
    call c = {.service = j->service};
    memcpy(c.id, j->id, sizeof c.id);
    deepgram_refuse(&reply, &c,
                    &(call_refusal){.status = status, .message = message, .retry_after_s = status == 503 ? 2 : 0});
    answer(j, &reply);
}

static void answer_refused(job *j, const upload_refusal *why) {
    answer_error(j, why->status == 415 ? 400 : why->status, why->message);
}

/* ---- recognised ------------------------------------------------------------------------------------------------- */

static void on_segment(void *user, int channel, const steno_segment *s) {
    job *j = user;
    if (document_add(&j->words, channel, s) != STENO_OK) j->too_long = true;
}

/* What was understood of a damaged file is answered, and said to be that. */
static void warn_incomplete(job *j, const char *detail) {
    json_t *message = json_string(detail);
    json_t *w = json_pack("{s:s, s:s, s:o}", "parameter", "audio", "type", "incomplete", "message",
                          message ? message : json_string("the audio is damaged"));
    if (w) (void)json_array_append_new(j->query.warnings, w); /* without memory the answer says less */
}

static void answer_words(job *j, const recording_result *r) {
    net_reply reply = {0};
    document_sort(&j->words);
    j->about.channels = r->channels > 0 ? r->channels : 1;
    json_t *metadata = deepgram_metadata(&j->about, j->sha256, j->created_ms, r->audio_s);
    reply_json(&reply, 200, deepgram_document(&j->words, &j->about, metadata));
    deepgram_headers(&reply, j->id, &j->query);
    answer(j, &reply);
}

static void on_done(void *user, const recording_result *r) {
    job *j = user;
    char text[ERR_DETAIL_BYTES + sizeof NOT_AUDIO + 8];
    j->recording = NULL;
    if (r->error != STENO_OK && r->audio_s <= 0) {
        bool ours = r->error == STENO_E_NOMEM || r->error == STENO_E_INTERNAL || r->error == STENO_E_CANCELLED;
        snprintf(text, sizeof text, "%s (%s)", NOT_AUDIO, r->detail);
        answer_error(j, ours ? 503 : 400, ours ? r->detail : text);
        return;
    }
    if (r->error != STENO_OK) warn_incomplete(j, r->detail);
    if (j->too_long) warn_incomplete(j, "the transcript is longer than is kept: words are missing");
    answer_words(j, r);
}

static const recording_handler recognised = {.segment = on_segment, .done = on_done};

static void recognise(job *j) {
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
                           .rank = RECORDING_REQUEST};
    steno_err e = recording_open(j->service, &o, &recognised, j, &j->recording);
    if (e == STENO_OK) return;
    bool busy = e == STENO_E_LIMIT || e == STENO_E_AGAIN || e == STENO_E_NOMEM;
    answer_error(j, busy ? 503 : e == STENO_E_UNSUPPORTED ? 501 : 400, steno_error_detail());
}

/* ---- the body --------------------------------------------------------------------------------------------------- */

/* Bare samples get the header they lack. */
static bool begin_body(job *j, const unsigned char *bytes, size_t n, upload_refusal *why) {
    unsigned char header[DEEPGRAM_RAW_BYTES];
    if (!j->query.raw || deepgram_raw_has_header(bytes, n)) return true;
    deepgram_raw_header(&j->query.audio, header);
    j->headed = true;
    return upload_push(j->body, header, sizeof header, false, why) == STENO_OK;
}

static void on_body(void *user, const unsigned char *bytes, size_t n, bool last) {
    job *j = user;
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
    (void)complete;
    job_free(user);
}

static const net_exchange_handler body_calls = {.body = on_body, .gone = on_gone};

/* ---- requests --------------------------------------------------------------------------------------------------- */

static bool refuse(const call *c, int status, const char *message) {
    deepgram_refuse(c->reply, c,
                    &(call_refusal){.status = status, .message = message, .retry_after_s = status == 503 ? 2 : 0});
    return false;
}

static job *job_make(const call *c) {
    job *j = mem_alloc(1, sizeof *j);
    if (!j) return NULL;
    *j = (job){.service = c->service, .exchange = c->exchange, .created_ms = deepgram_calendar_ms()};
    memcpy(j->id, c->id, sizeof j->id);
    snprintf(j->model, sizeof j->model, "%s", steno_model_name(c->service->slots->model));
    j->about = (deepgram_about){.request_id = j->id, .model = j->model, .query = &j->query, .channels = 1};
    return j;
}

static bool prepare(job *j, const call *c) {
    upload_refusal why = {0};
    const char *language = steno_model_language(c->service->slots->model);
    if (!deepgram_read_query(c, DEEPGRAM_FILE, j->model, language, &j->query)) return false;
    if (j->query.callback[0]) return refuse(c, 501, "callback: not yet");
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
    char id[CALL_ID_BYTES];
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
    job *j = job_make(c);
    if (!j) {
        refuse(c, 503, "no memory for a recording");
    } else if (!prepare(j, c)) {
        job_free(j);
    } else {
        j->pass = c->pass;
        c->pass = NULL;
        net_take(c->exchange, &body_calls, j, 0);
    }
}
