/* openai_transcribe.c: POST /v1/audio/transcriptions, from upload to answer. See openai.h.
 *
 * Owner: the network thread. A request lives from openai_answer_transcription() until its exchange is gone. With stream,
 * the head of the answer goes out with the first words, so that what fails before them still has its own status.
 */
#include "api/auth.h"
#include "api/openai_known.h"
#include "api/service_int.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define RETRY_AFTER_S     5
#define STREAM_PIECE      16384
#define QUEUE_FIRST_BYTES 4096
#define COMMON_HEADERS    "cache-control: no-store\r\nx-content-type-options: nosniff\r\nopenai-version: 2020-10-01\r\n"

typedef struct request {
    service *service;
    net_exchange *exchange;
    auth_pass *pass;
    upload *upload;
    recording *recording; /* NULL: not yet, or done */
    openai_known *known;  /* those who are known are being listened to */
    char id[LOG_ID_BYTES];
    trace_link trace;
    char model[32], language[16];
    int64_t began_ms;
    openai_options options;
    document transcript;
    steno_err lost;   /* a segment that could not be kept */
    double charged_s; /* of audio, to whose minutes these are */
    bool answered, streaming, stream_over;
    char *queue; /* events on their way out */
    size_t queue_at, queue_n, queue_room;
} request;

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static void add_headers(const request *r, net_reply *reply) {
    char ms[24];
    snprintf(ms, sizeof ms, "%lld", (long long)(net_now_ms() - r->began_ms));
    reply_call_headers(reply, r->id, r->pass);
    reply_header(reply, "openai-processing-ms", ms);
    if (r->options.notes.count) reply_header(reply, "steno-warning", r->options.notes.text);
}

static void answer(request *r, net_reply *reply) {
    if (r->answered) return;
    r->answered = true;
    add_headers(r, reply);
    net_answer(r->exchange, reply);
}

static void push_bytes(request *r, const char *bytes, size_t n) {
    if (r->queue_n + n > r->queue_room) {
        size_t room = r->queue_n + n < QUEUE_FIRST_BYTES ? QUEUE_FIRST_BYTES : 2 * (r->queue_n + n);
        char *more = mem_resize(r->queue, r->queue_room, room);
        if (!more) {
            r->lost = STENO_E_NOMEM;
            return;
        }
        r->queue = more;
        r->queue_room = room;
    }
    memcpy(r->queue + r->queue_n, bytes, n);
    r->queue_n += n;
}

/* An event that cannot be made is an end without a done, which clients see. */
static void push_event(request *r, json_t *event) {
    size_t n = 0;
    char *text = openai_sse(event, &n);
    if (text)
        push_bytes(r, text, n);
    else
        r->lost = STENO_E_NOMEM;
    mem_free(text);
    net_stream_want(r->exchange);
}

static void begin_stream(request *r) {
    net_reply head = {.status = 200, .type = "text/event-stream; charset=utf-8", .headers = COMMON_HEADERS};
    if (r->streaming) return;
    r->streaming = r->answered = true;
    add_headers(r, &head);
    net_stream_begin(r->exchange, &head);
}

static void fail(request *r, const openai_failure *why) {
    net_reply reply = {0};
    if (r->streaming) {
        push_event(r, json_pack("{s:o}", "error", openai_error(why)));
        r->stream_over = true;
        return;
    }
    openai_reply_failure(&reply, why);
    if (why->status == 503) reply.retry_after_s = RETRY_AFTER_S;
    answer(r, &reply);
}

static void fail_with(request *r, steno_err e, const char *detail) {
    openai_failure why;
    openai_failure_of(&why, e, detail);
    fail(r, &why);
}

/* ---- the recording ---------------------------------------------------------------------------------------------- */

static void on_segment(void *user, int channel, const released_segment *s) {
    request *r = user;
    bool first = r->transcript.n == 0;
    if (r->lost != STENO_OK || !s->text[0]) return;
    r->lost = document_add(&r->transcript, channel, s);
    if (r->lost != STENO_OK || !r->options.stream) return;
    begin_stream(r);
    push_event(r, openai_delta_event(s, first, r->options.logprobs));
}

static void on_labels(void *user, int channel, const released_segment *s) {
    request *r = user;
    document_label(&r->transcript, channel, s);
}

/* Who spoke is known at the end only: the text has gone out as it came. */
static void push_segments(request *r) {
    size_t i;
    json_t *one, *list = openai_diarized(&r->transcript, &r->options);
    if (!list) r->lost = STENO_E_NOMEM;
    json_array_foreach(list, i, one) {
        push_event(r, json_incref(one));
    }
    json_decref(list);
}

static void finish(request *r, const openai_usage *usage) {
    net_reply reply = {.status = 200, .headers = COMMON_HEADERS};
    if (r->options.stream) {
        begin_stream(r);
        if (r->options.format == OPENAI_FORMAT_DIARIZED_JSON) push_segments(r);
        push_event(r, openai_done_event(&r->transcript, &r->options, usage));
        r->stream_over = true;
        return;
    }
    char *body = openai_body(&r->transcript, &r->options, usage, r->language, &reply.bytes, &reply.type);
    reply.body = reply.owned = body;
    if (body)
        answer(r, &reply);
    else
        fail_with(r, STENO_E_NOMEM, "no memory for the answer");
}

static void charge(request *r, double audio_s) {
    if (r->pass && audio_s > r->charged_s) auth_charge(r->pass, audio_s - r->charged_s);
    r->charged_s = audio_s;
}

/* A key may be revoked, or its minutes used up, in the middle of a long recording. */
static void on_progress(void *user, double audio_s, double fraction) {
    request *r = user;
    auth_refusal from;
    openai_failure why;
    (void)fraction;
    charge(r, audio_s);
    if (!r->pass || auth_may_go_on(r->pass, &from)) return;
    recording_cancel(r->recording);
    r->recording = NULL;
    openai_failure_of_refusal(&why, &(call_refusal){from.status, from.code, from.message, from.retry_after_s});
    fail(r, &why);
}

static void on_done(void *user, const recording_result *result) {
    request *r = user;
    openai_usage usage = {result->audio_s, result->stats.speech_s, result->stats.tokens};
    r->recording = NULL;
    charge(r, result->audio_s);
    if (result->error != STENO_OK)
        fail_with(r, result->error, result->detail);
    else if (r->lost != STENO_OK)
        fail_with(r, r->lost, "its transcript is too long");
    else
        finish(r, &usage);
}

static const recording_handler on_recording = {
    .segment = on_segment, .progress = on_progress, .done = on_done, .labels = on_labels};

static void start(request *r, const upload_file *file, const steno_voice *voices, int n_voices) {
    char path[OPENAI_PATH_MAX];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file->fd);
    recording_options o = {.path = path,
                           .name = file->filename[0] ? file->filename : "file",
                           .channels = MEDIA_MIX,
                           .rank = RECORDING_REQUEST,
                           .owner = r->pass ? auth_owner(r->pass) : NULL,
                           .vad = r->options.vad,
                           .vad_given = r->options.vad_given,
                           .trace = r->trace};
    redaction_policy(r->service, r->pass, &r->options.redact, &o.policy);
    steno_speakers_options_init(&o.speakers);
    if (r->options.format == OPENAI_FORMAT_DIARIZED_JSON) o.speakers.contract = STENO_SPEAKERS_REVISE;
    o.speakers.voices = voices;
    o.speakers.n_voices = n_voices;
    steno_err e = recording_open(r->service, &o, &on_recording, r, &r->recording);
    if (e == STENO_OK) return;
    r->recording = NULL;
    fail_with(r, e == STENO_E_LIMIT ? STENO_E_AGAIN : e, steno_error_detail());
}

/* ---- known speakers --------------------------------------------------------------------------------------------- */

static const upload_file *find_file(const upload *u) {
    for (int i = 0; i < upload_files(u); i++)
        if (strcmp(upload_file_at(u, i)->field, "file") == 0) return upload_file_at(u, i);
    return NULL;
}

static bool is_reference(const upload_file *f) {
    return strncmp(f->field, "known_speaker_references", strlen("known_speaker_references")) == 0;
}

static int count_references(const upload *u) {
    int n = 0;
    for (int i = 0; i < upload_files(u); i++) n += is_reference(upload_file_at(u, i));
    return n;
}

static void on_known(void *user, const steno_voice *voices, int n, steno_err error, const char *why) {
    request *r = user;
    openai_failure failure;
    r->known = NULL;
    if (error == STENO_OK) {
        start(r, find_file(r->upload), voices, n);
        return;
    }
    openai_failure_of(&failure, error, why);
    if (error == STENO_E_INVALID) openai_fail(&failure, "invalid_value", "known_speaker_references", "%s", why);
    fail(r, &failure);
}

static void listen_to_known(request *r, upload *u) {
    int fds[OPENAI_KNOWN_MAX], n = 0;
    for (int i = 0; i < upload_files(u) && n < OPENAI_KNOWN_MAX; i++)
        if (is_reference(upload_file_at(u, i))) fds[n++] = upload_release_fd(u, i);
    steno_err e = openai_known_start(r->service, &r->options, fds, n, on_known, r, &r->known);
    if (e == STENO_OK) return;
    r->known = NULL;
    fail_with(r, e == STENO_E_LIMIT ? STENO_E_AGAIN : e, steno_error_detail());
}

/* What is asked of speakers. */
static bool check_speakers(const request *r, const upload *u, openai_failure *why) {
    const openai_options *o = &r->options;
    int references = count_references(u);
    if (o->format != OPENAI_FORMAT_DIARIZED_JSON) return true;
    if (!diarize_served(r->service))
        return openai_fail(why, "unsupported_value", "response_format",
                           "response_format 'diarized_json' is not supported: this server does not tell speakers "
                           "apart.");
    if (references == o->n_known) return true;
    return openai_fail(why, "invalid_value", "known_speaker_references",
                       "There are %d known_speaker_names[] and %d known_speaker_references[]: want one of each.",
                       o->n_known, references);
}

/* ---- the form --------------------------------------------------------------------------------------------------- */

static void on_whole(void *user, upload *u) {
    request *r = user;
    openai_failure why;
    const upload_file *file = find_file(u);
    const upload_field *fields = upload_fields(u) ? upload_field_at(u, 0) : NULL;
    if (!openai_form_read(fields, upload_fields(u), r->model, r->language, &r->options, &why)) {
        fail(r, &why);
        return;
    }
    if (upload_files(u) - count_references(u) > 1)
        openai_fail(&why, "too_many_parts", "file", "the form has more than 1 file");
    else if (!file)
        openai_fail(&why, "missing_required_parameter", "file", "You must provide a file.");
    else if (file->bytes == 0)
        openai_fail(&why, "invalid_value", "file", "The audio file is empty.");
    else if (check_speakers(r, u, &why)) {
        bool known = r->options.format == OPENAI_FORMAT_DIARIZED_JSON && r->options.n_known > 0;
        if (known)
            listen_to_known(r, u);
        else
            start(r, file, NULL, 0);
        return;
    }
    fail(r, &why);
}

static void failure_of_upload(openai_failure *why, const upload_refusal *from) {
    static const char *const codes[] = {"unsupported_media_type", "invalid_form",      "file_too_large",
                                        "too_many_parts",         "storage_exhausted", "internal_error"};
    openai_fail(why, codes[from->reason], NULL, "%s", from->message);
    why->status = from->status;
    if (from->status >= 500) why->type = "server_error";
}

static void on_refused(void *user, upload *u, const upload_refusal *from) {
    openai_failure why;
    (void)u;
    failure_of_upload(&why, from);
    fail(user, &why);
}

/* ---- the exchange ----------------------------------------------------------------------------------------------- */

static void on_writable(void *user) {
    request *r = user;
    bool more = true;
    while (more && r->queue_at < r->queue_n) {
        size_t n = r->queue_n - r->queue_at;
        if (n > STREAM_PIECE) n = STREAM_PIECE;
        more = net_stream_send(r->exchange, r->queue + r->queue_at, n);
        r->queue_at += n;
    }
    if (r->queue_at < r->queue_n) {
        net_stream_want(r->exchange);
        return;
    }
    r->queue_at = r->queue_n = 0;
    if (r->stream_over) net_stream_end(r->exchange);
}

static void on_gone(void *user, bool complete) {
    request *r = user;
    (void)complete;
    if (r->recording) recording_cancel(r->recording);
    if (r->known) openai_known_cancel(r->known);
    document_free(&r->transcript);
    auth_leave(r->pass);
    mem_free(r->queue);
    mem_free(r);
}

static const upload_handler on_upload = {on_whole, on_refused, on_writable, on_gone};

static request *make_request(call *c) {
    request *r = mem_alloc(1, sizeof *r);
    if (!r) return NULL;
    const steno_model *model = c->service->slots->model;
    r->service = c->service;
    r->exchange = c->exchange;
    r->began_ms = net_now_ms();
    snprintf(r->id, sizeof r->id, "%s", c->id);
    r->trace = c->trace.at;
    snprintf(r->model, sizeof r->model, "%s", steno_model_name(model));
    snprintf(r->language, sizeof r->language, "%s", steno_model_language(model));
    return r;
}

static void refuse(const call *c, steno_err e, const char *detail) {
    openai_failure why;
    openai_failure_of(&why, e, detail);
    openai_reply_failure(c->reply, &why);
    if (why.status == 503) c->reply->retry_after_s = RETRY_AFTER_S;
}

void openai_answer_transcription(call *c) {
    upload_config config = {.files_max = 1 + OPENAI_KNOWN_MAX,
                            .bytes_max = c->service->config.net.body_bytes_max,
                            .spooled = openai_spooled_fields};
    upload_refusal from;
    openai_failure why;
    if (c->service->draining || !c->service->config.media) {
        refuse(c, STENO_E_AGAIN, "");
        return;
    }
    request *r = make_request(c);
    if (!r) {
        refuse(c, STENO_E_NOMEM, "");
        return;
    }
    if (upload_take(c->exchange, c->request, &config, &on_upload, r, &r->upload, &from) == STENO_OK) {
        r->pass = c->pass;
        c->pass = NULL;
        return;
    }
    mem_free(r);
    failure_of_upload(&why, &from);
    openai_reply_failure(c->reply, &why);
}
