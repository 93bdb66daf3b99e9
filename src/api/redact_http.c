/* redact_http.c: see redact_http.h.
 *
 * A request's life: its body is gathered (take_body), read (read_ask), worked through (work_on, by a timer), answered. It belongs to its
 * exchange and is freed by gone().
 */
#include "api/redact_http.h"

#include "api/redact_json.h"
#include "api/redaction.h"
#include "api/service_int.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SLICE_BYTES     8192 /* of text, a turn of the loop */
#define TEXT_COST_BYTES 64   /* what a text costs besides */
#define TURN_MS         1
#define RETRY_AFTER_S   1
#define TYPES_BYTES     512
#define MESSAGE_BYTES   (ERR_DETAIL_BYTES + 64)

typedef struct redact_request {
    service *service;
    net_exchange *exchange;
    auth_pass *pass;
    char id[LOG_ID_BYTES];
    char *body; /* owned [n of room] */
    size_t n, room;
    bool answered;
    redact_wish wish;
    float min_confidence; /* < 0: as usual */
    gate_policy policy;
    json_t *ask; /* the body; texts stand in it */
    const json_t *texts;
    bool one;        /* "text", not "texts" */
    size_t index;    /* the text that is worked on … */
    size_t at;       /* … and how much of it is */
    json_t *results; /* of those before it */
    redactor *redactor;
    redact_text out;
    net_timer *turn;
} redact_request;

/* ---- answers ------------------------------------------------------------------------------------------------------ */

static void answer(redact_request *r, net_reply *reply) {
    r->answered = true;
    reply_call_headers(reply, r->id, r->pass);
    net_answer(r->exchange, reply);
}

static void refuse(redact_request *r, int status, const char *code, const char *message) {
    net_reply reply = {0};
    native_refuse(&reply, NULL, &(call_refusal){.status = status, .code = code, .message = message});
    if (status == 503) reply.retry_after_s = RETRY_AFTER_S;
    answer(r, &reply);
}

static void refuse_error(redact_request *r, steno_err e) {
    char message[MESSAGE_BYTES];
    snprintf(message, sizeof message, "%s", steno_error_detail());
    if (e == STENO_E_INVALID || e == STENO_E_FORMAT)
        refuse(r, 400, "bad_request", message);
    else
        refuse(r, 503, "busy", "there is no memory for it now: try again");
}

static void answer_results(redact_request *r) {
    net_reply reply = {0};
    char types[TYPES_BYTES];
    json_t *o = r->one ? json_incref(json_array_get(r->results, 0)) : json_pack("{s:O}", "results", r->results);
    entity_print_set(r->policy.types, types, sizeof types);
    if (o && (json_object_set_new(o, "mode", json_string(policy_mode_name(r->policy.mode))) != 0 ||
              json_object_set_new(o, "types", json_string(types)) != 0)) {
        json_decref(o);
        o = NULL;
    }
    reply_json(&reply, 200, o);
    answer(r, &reply);
}

/* ---- what is asked for -------------------------------------------------------------------------------------------- */

/* "phone, card" or ["phone", "card"]. */
static steno_err take_types(redact_request *r, const json_t *value) {
    char list[TYPES_BYTES] = "";
    const json_t *one;
    size_t i, n = 0;
    bool mine;
    if (!json_is_array(value)) return redaction_take_json(&r->wish, "redact_types", value, &mine);
    json_array_foreach(value, i, one) {
        const char *name = json_string_value(one);
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i ? "," : "", name ? name : "?");
        if (n >= sizeof list) return err_fail(STENO_E_INVALID, "types: the list is too long");
    }
    return redaction_take(&r->wish, "redact_types", list, &mine);
}

static steno_err take_confidence(redact_request *r, const json_t *value) {
    double wanted = json_is_number(value) ? json_number_value(value) : -1;
    if (!(wanted >= 0 && wanted <= 1)) return err_fail(STENO_E_INVALID, "min_confidence: want a number from 0 to 1");
    r->min_confidence = (float)wanted;
    return STENO_OK;
}

static steno_err take_texts(redact_request *r, const json_t *value, bool one) {
    const json_t *text;
    size_t i;
    if (r->texts) return err_fail(STENO_E_INVALID, "want one text or texts, not both");
    r->texts = value;
    r->one = one;
    if (one) return json_is_string(value) ? STENO_OK : err_fail(STENO_E_INVALID, "text: want a string");
    if (!json_is_array(value) || json_array_size(value) > REDACT_TEXTS_MAX)
        return err_fail(STENO_E_INVALID, "texts: want a list of at most %d strings", REDACT_TEXTS_MAX);
    json_array_foreach(value, i, text) {
        if (!json_is_string(text)) return err_fail(STENO_E_INVALID, "texts: number %zu is no string", i);
    }
    return STENO_OK;
}

static steno_err take_member(redact_request *r, const char *name, const json_t *value) {
    bool mine;
    if (strcmp(name, "text") == 0) return take_texts(r, value, true);
    if (strcmp(name, "texts") == 0) return take_texts(r, value, false);
    if (strcmp(name, "mode") == 0) return redaction_take_json(&r->wish, "redact", value, &mine);
    if (strcmp(name, "types") == 0) return take_types(r, value);
    if (strcmp(name, "itn") == 0) return redaction_take_json(&r->wish, "itn", value, &mine);
    if (strcmp(name, "min_confidence") == 0) return take_confidence(r, value);
    if (strcmp(name, "numbered") != 0)
        return err_fail(STENO_E_INVALID, "a member that is not known: want text or texts, mode, types, itn, "
                                         "min_confidence, numbered");
    r->wish.count = json_is_true(value);
    return json_is_boolean(value) ? STENO_OK : err_fail(STENO_E_INVALID, "numbered: want true or false");
}

/* Who sends a text here wants it masked unless something else is said. */
static void settle(redact_request *r) {
    redact_rule rule;
    redaction_rule(r->service, r->pass, &rule);
    if (rule.usual.mode == REDACT_OFF) rule.usual.mode = REDACT_MASK;
    redaction_settle(&rule, &r->wish, &r->policy);
    if (r->min_confidence >= 0) r->policy.min_confidence = r->min_confidence;
    policy_join(&r->policy, &rule.floor);
}

static steno_err read_ask(redact_request *r) {
    json_error_t why;
    const char *name;
    json_t *value;
    r->ask = json_loadb(r->body, r->n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(r->ask)) return err_fail(STENO_E_INVALID, "the body is no JSON object");
    json_object_foreach(r->ask, name, value) ERR_TRY(take_member(r, name, value));
    if (!r->texts) return err_fail(STENO_E_INVALID, "want a text or texts");
    settle(r);
    return STENO_OK;
}

/* ---- the work ----------------------------------------------------------------------------------------------------- */

static size_t texts(const redact_request *r) {
    return r->one ? 1 : json_array_size(r->texts);
}

static const json_t *text_at(const redact_request *r, size_t i) {
    return r->one ? r->texts : json_array_get(r->texts, i);
}

static steno_err end_text(redact_request *r) {
    json_t *o = NULL, *entities = redact_json_entities(&r->out, false);
    if (entities)
        o = json_pack("{s:o, s:o}", "text", events_string(r->out.n ? r->out.text : "", r->out.n), "entities", entities);
    redact_text_free(&r->out);
    if (json_array_append_new(r->results, o) != 0) return err_fail(STENO_E_NOMEM, "no memory for an answer");
    r->index++;
    r->at = 0;
    if (r->index < texts(r)) redact_begin(r->redactor, redact_gather, &r->out);
    return STENO_OK;
}

/* A slice, of one text or several. */
static steno_err work_on(redact_request *r) {
    for (size_t left = SLICE_BYTES; left > 0 && r->index < texts(r);) {
        const json_t *text = text_at(r, r->index);
        size_t n = json_string_length(text) - r->at, now = n < left ? n : left;
        ERR_TRY(redact_push(r->redactor, json_string_value(text) + r->at, now));
        r->at += now;
        left -= now;
        if (now < n) continue;
        ERR_TRY(redact_end(r->redactor));
        ERR_TRY(end_text(r));
        left -= left < TEXT_COST_BYTES ? left : TEXT_COST_BYTES;
    }
    return STENO_OK;
}

static void on_turn(void *user) {
    redact_request *r = user;
    steno_err e = work_on(r);
    if (e != STENO_OK)
        refuse_error(r, e);
    else if (r->index == texts(r))
        answer_results(r);
    else
        net_timer_set(r->turn, TURN_MS);
}

static steno_err begin_work(redact_request *r) {
    if (r->policy.mode != REDACT_OFF && !r->service->config.privacy)
        return err_fail(STENO_E_NOMEM, "no rules"); /* a server without any: see service.h */
    ERR_TRY(redact_open(r->service->config.privacy, &r->policy, &r->redactor));
    r->results = json_array();
    r->turn = net_timer_open(r->service->net, on_turn, r);
    if (!r->results || !r->turn) return err_fail(STENO_E_NOMEM, "no memory for a request");
    redact_begin(r->redactor, redact_gather, &r->out);
    net_timer_set(r->turn, 0);
    return STENO_OK;
}

/* ---- the exchange ------------------------------------------------------------------------------------------------- */

static bool grow(redact_request *r, size_t n) {
    if (r->n + n <= r->room) return true;
    size_t room = 2 * (r->n + n);
    char *more = mem_resize(r->body, r->room, room);
    if (!more) return false;
    r->body = more;
    r->room = room;
    return true;
}

static void take_body(void *user, const unsigned char *bytes, size_t n, bool last) {
    redact_request *r = user;
    if (r->answered) return;
    if (!grow(r, n)) {
        refuse(r, 503, "busy", "there is no memory for it now: try again");
        return;
    }
    if (n) memcpy(r->body + r->n, bytes, n);
    r->n += n;
    if (!last) return;
    steno_err e = read_ask(r);
    if (e == STENO_OK) e = begin_work(r);
    if (e != STENO_OK) refuse_error(r, e);
}

static void gone(void *user, bool complete) {
    redact_request *r = user;
    (void)complete;
    r->service->redactions--;
    auth_leave(r->pass);
    if (r->turn) net_timer_close(r->turn);
    redact_free(r->redactor);
    redact_text_free(&r->out);
    json_decref(r->results);
    json_decref(r->ask);
    mem_free(r->body);
    mem_free(r);
}

static void refuse_call(call *c, int status, const char *code, const char *message) {
    native_refuse(
        c->reply, c,
        &(call_refusal){
            .status = status, .code = code, .message = message, .retry_after_s = status == 503 ? RETRY_AFTER_S : 0});
}

static bool is_json(const char *type) {
    size_t n = strlen("application/json");
    return strncasecmp(type, "application/json", n) == 0 && (!type[n] || strchr("; \t", type[n]));
}

void redact_answer(call *c) {
    static const net_exchange_handler calls = {.body = take_body, .gone = gone};
    char text[96];
    if (!is_json(c->request->content_type)) {
        refuse_call(c, 415, "content_type", "Content-Type: want application/json");
        return;
    }
    if (c->request->content_length > REDACT_BODY_BYTES_MAX) {
        snprintf(text, sizeof text, "the body has %lld bytes; at most %d are taken",
                 (long long)c->request->content_length, REDACT_BODY_BYTES_MAX);
        refuse_call(c, 413, "too_large", text);
        return;
    }
    redact_request *r = c->service->redactions < REDACT_AT_ONCE_MAX ? mem_alloc(1, sizeof *r) : NULL;
    if (!r) {
        refuse_call(c, 503, "busy", "too many texts are worked on now: try again");
        return;
    }
    r->service = c->service;
    r->exchange = c->exchange;
    r->pass = c->pass;
    r->min_confidence = -1;
    c->pass = NULL;
    c->service->redactions++;
    snprintf(r->id, sizeof r->id, "%s", c->id);
    net_take(c->exchange, &calls, r, REDACT_BODY_BYTES_MAX);
}
