/* deepgram.c: what live and recorded speech have in common. See deepgram.h. */
#include "api/deepgram_int.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void deepgram_refuse(net_reply *reply, const call *c, const call_refusal *why) {
    char text[1024];
    snprintf(text, sizeof text, "%s%s", why->status == 400 ? "Bad Request: " : "", why->message);
    reply_json(reply, why->status, deepgram_error(why->status, text, c->id));
    reply->retry_after_s = why->retry_after_s;
    reply_header(reply, "dg-request-id", c->id);
    reply_header(reply, "dg-error", text);
}

const net_conn_handler *deepgram_upgrade_v2(call *c, void **user) {
    call_refusal why = {.status = 404, .code = "not_found", .message = "there is no /v2/listen here: use /v1/listen"};
    (void)user;
    deepgram_refuse(c->reply, c, &why);
    return NULL;
}

bool deepgram_read_query(const call *c, deepgram_kind kind, const char *model, const char *language,
                         deepgram_query *q) {
    const net_request *r = c->request;
    steno_err e = deepgram_query_parse(r->args, r->n_args, kind, model, language, q);
    if (e == STENO_OK && r->too_many_args)
        e = err_fail(STENO_E_LIMIT, "more than %d parameters, or one of more than %d bytes", NET_ARGS_MAX,
                     NET_ARG_BYTES_MAX);
    if (e == STENO_OK) return true;
    int status = e == STENO_E_NOMEM ? 503 : 400;
    deepgram_refuse(c->reply, c,
                    &(call_refusal){.status = status, .code = steno_err_name(e), .message = steno_error_detail()});
    return false;
}

void deepgram_headers(net_reply *reply, const char *request_id, const deepgram_query *q) {
    char warning[DEEPGRAM_WARNING_BYTES];
    reply_header(reply, "dg-request-id", request_id);
    if (deepgram_query_warning(q, warning)) reply_header(reply, "steno-warning", warning);
}

EVP_MD_CTX *deepgram_sum_start(void) {
    EVP_MD_CTX *sum = EVP_MD_CTX_new();
    if (sum && EVP_DigestInit_ex(sum, EVP_sha256(), NULL) == 1) return sum;
    EVP_MD_CTX_free(sum);
    return NULL;
}

void deepgram_sum_end(EVP_MD_CTX *sum, char out[DEEPGRAM_SHA256_BYTES]) {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (!sum || EVP_DigestFinal_ex(sum, bytes, &n) != 1) n = 0;
    for (unsigned i = 0; i < n && i < 32; i++) snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    out[2 * (n < 32 ? n : 32)] = 0;
    EVP_MD_CTX_free(sum);
}

int64_t deepgram_calendar_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
