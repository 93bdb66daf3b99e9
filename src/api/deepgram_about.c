/* deepgram_about.c: see deepgram_about.h. */
#include "api/deepgram_about.h"

#include "api/deepgram_text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/sha.h>

#define ARCH "steno"

void deepgram_model_uuid(const char *model, char out[DEEPGRAM_UUID_BYTES]) {
    char text[96];
    unsigned char sum[SHA256_DIGEST_LENGTH];
    int n = snprintf(text, sizeof text, "steno %s %s", STENO_VERSION, model);
    SHA256((unsigned char *)text, n < (int)sizeof text ? (size_t)n : sizeof text - 1, sum);
    sum[6] = (unsigned char)((sum[6] & 0x0f) | 0x80); /* version 8: made by a rule of one's own */
    sum[8] = (unsigned char)((sum[8] & 0x3f) | 0x80);
    for (int i = 0, at = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) out[at++] = '-';
        at += snprintf(out + at, 3, "%02x", sum[i]);
    }
}

static json_t *model_info(const char *model) {
    return json_pack("{s:s, s:s, s:s}", "name", model, "version", STENO_VERSION, "arch", ARCH);
}

static void calendar(int64_t ms, char out[40]) {
    time_t s = (time_t)(ms / 1000);
    struct tm t;
    gmtime_r(&s, &t);
    size_t n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &t);
    snprintf(out + n, 40 - n, ".%03dZ", (int)(ms % 1000));
}

/* What has no members is left out. */
static bool set_some(json_t *o, const char *name, json_t *value, size_t members) {
    return members == 0 || json_object_set(o, name, value) == 0;
}

json_t *deepgram_metadata(const deepgram_about *a, const char *sha256, int64_t created_ms, double duration_s) {
    char uuid[DEEPGRAM_UUID_BYTES], created[40];
    const deepgram_query *q = a->query;
    deepgram_model_uuid(a->model, uuid);
    calendar(created_ms, created);
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:i, s:[s], s:{s:o}}", "transaction_key", "deprecated", "request_id",
                  a->request_id, "sha256", sha256, "created", created, "duration", deepgram_seconds(duration_s),
                  "channels", a->channels, "models", uuid, "model_info", uuid, model_info(a->model));
    if (o && set_some(o, "tags", q->tags, json_array_size(q->tags)) &&
        set_some(o, "extra", q->extra, json_object_size(q->extra)) &&
        set_some(o, "warnings", q->warnings, json_array_size(q->warnings)))
        return o;
    json_decref(o);
    return NULL;
}

json_t *deepgram_result_metadata(const deepgram_about *a) {
    char uuid[DEEPGRAM_UUID_BYTES];
    deepgram_model_uuid(a->model, uuid);
    json_t *o = json_pack("{s:s, s:s, s:o}", "request_id", a->request_id, "model_uuid", uuid, "model_info",
                          model_info(a->model));
    if (o && set_some(o, "extra", a->query->extra, json_object_size(a->query->extra))) return o;
    json_decref(o);
    return NULL;
}

/* Deepgram's words where its documentation names them. */
static const char *error_code(int status) {
    switch (status) {
    case 400:
        return "Bad Request";
    case 401:
        return "INVALID_AUTH";
    case 403:
        return "INSUFFICIENT_PERMISSIONS";
    case 404:
        return "NOT_FOUND";
    case 405:
        return "METHOD_NOT_ALLOWED";
    case 408:
        return "REQUEST_TIMEOUT";
    case 413:
        return "PAYLOAD_TOO_LARGE";
    case 415:
        return "UNSUPPORTED_MEDIA_TYPE";
    case 429:
        return "TOO_MANY_REQUESTS";
    case 503:
        return "SERVICE_UNAVAILABLE";
    case 507:
        return "INSUFFICIENT_STORAGE";
    default:
        return status < 500 ? "Bad Request" : "INTERNAL_SERVER_ERROR";
    }
}

json_t *deepgram_error(int status, const char *message, const char *request_id) {
    return json_pack("{s:s, s:o, s:s}", "err_code", error_code(status), "err_msg",
                     deepgram_string(message, strlen(message)), "request_id", request_id);
}
