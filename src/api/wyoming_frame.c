/* wyoming_frame.c: see wyoming_frame.h. */
#include "api/wyoming_frame.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST         256
#define WYOMING_VERSION    "1.7.2" /* of the protocol that is spoken */
#define WYOMING_WRITE_HEAD 160
#define REAL_DIGITS        10

static void forget_text(wyoming_reader *r) {
    mem_free(r->text);
    r->text = NULL;
    r->n = r->room = 0;
}

void wyoming_reader_free(wyoming_reader *r) {
    forget_text(r);
    json_decref(r->event);
    r->event = NULL;
}

bool wyoming_late(const wyoming_reader *r, int64_t now_ms) {
    return r->since_ms && now_ms - r->since_ms >= WYOMING_EVENT_MS;
}

static steno_err keep(wyoming_reader *r, const unsigned char *bytes, size_t n) {
    size_t room = r->room ? r->room : ROOM_FIRST;
    while (room < r->n + n) room *= 2;
    if (room != r->room) {
        char *text = mem_resize(r->text, r->room, room);
        if (!text) return err_fail(STENO_E_NOMEM, "no memory for an event");
        r->text = text;
        r->room = room;
    }
    memcpy(r->text + r->n, bytes, n);
    r->n += n;
    return STENO_OK;
}

static void take(const unsigned char **at, size_t *n, size_t taken) {
    *at += taken;
    *n -= taken;
}

/* ---- the header ---------------------------------------------------------------------------------------------------- */

/* null and a length that is left out are 0. */
static steno_err length_of(const json_t *header, const char *name, size_t most, size_t *out) {
    const json_t *length = json_object_get(header, name);
    *out = 0;
    if (!length || json_is_null(length)) return STENO_OK;
    if (!json_is_integer(length) || json_integer_value(length) < 0)
        return err_fail(STENO_E_FORMAT, "%s: want a whole number of bytes", name);
    if ((uint64_t)json_integer_value(length) > most)
        return err_fail(STENO_E_LIMIT, "%s: %" JSON_INTEGER_FORMAT " bytes are more than %zu", name,
                        json_integer_value(length), most);
    *out = (size_t)json_integer_value(length);
    return STENO_OK;
}

static steno_err check_header(wyoming_reader *r, json_t *header) {
    const json_t *type = json_object_get(header, "type"), *data = json_object_get(header, "data");
    if (!json_is_string(type) || json_string_length(type) == 0)
        return err_fail(STENO_E_FORMAT, "an event's header has no type");
    if (json_string_length(type) > WYOMING_TYPE_BYTES_MAX)
        return err_fail(STENO_E_LIMIT, "an event's type is longer than %d bytes", WYOMING_TYPE_BYTES_MAX);
    if (data && !json_is_null(data) && !json_is_object(data)) return err_fail(STENO_E_FORMAT, "data: want an object");
    ERR_TRY(length_of(header, "data_length", WYOMING_DATA_BYTES_MAX, &r->data_bytes));
    ERR_TRY(length_of(header, "payload_length", WYOMING_PAYLOAD_BYTES_MAX, &r->payload_bytes));
    if (json_is_object(data)) return STENO_OK;
    if (json_object_set_new(header, "data", json_object()) != 0)
        return err_fail(STENO_E_NOMEM, "no memory for an event");
    return STENO_OK;
}

static steno_err end_header(wyoming_reader *r) {
    json_error_t why;
    json_decref(r->event);
    r->event = json_loadb(r->text ? r->text : "", r->n, 0, &why);
    forget_text(r);
    if (!r->event) return err_fail(STENO_E_FORMAT, "an event's header is not JSON: %s", why.text);
    if (!json_is_object(r->event)) return err_fail(STENO_E_FORMAT, "an event's header is not an object");
    ERR_TRY(check_header(r, r->event));
    r->part = r->data_bytes ? WYOMING_DATA : WYOMING_PAYLOAD;
    r->event_due = !r->data_bytes;
    return STENO_OK;
}

static steno_err read_header(wyoming_reader *r, const unsigned char **at, size_t *n) {
    const unsigned char *end = memchr(*at, '\n', *n);
    size_t more = end ? (size_t)(end - *at) : *n;
    if (r->n + more > WYOMING_HEADER_BYTES_MAX)
        return err_fail(STENO_E_LIMIT, "an event's header is longer than %d bytes", WYOMING_HEADER_BYTES_MAX);
    if (more) ERR_TRY(keep(r, *at, more));
    take(at, n, more + (end ? 1 : 0));
    return end ? end_header(r) : STENO_OK;
}

/* ---- data and payload ---------------------------------------------------------------------------------------------- */

/* What stands behind the header counts more than what stands in it. */
static steno_err end_data(wyoming_reader *r) {
    json_error_t why;
    json_t *data = json_loadb(r->text, r->n, 0, &why);
    forget_text(r);
    if (!data) return err_fail(STENO_E_FORMAT, "an event's data is not JSON: %s", why.text);
    bool merged = json_is_object(data) && json_object_update(json_object_get(r->event, "data"), data) == 0;
    bool object = json_is_object(data);
    json_decref(data);
    if (!object) return err_fail(STENO_E_FORMAT, "an event's data is not an object");
    if (!merged) return err_fail(STENO_E_NOMEM, "no memory for an event");
    r->part = WYOMING_PAYLOAD;
    r->event_due = true;
    return STENO_OK;
}

static steno_err read_data(wyoming_reader *r, const unsigned char **at, size_t *n) {
    size_t more = r->data_bytes - r->n < *n ? r->data_bytes - r->n : *n;
    ERR_TRY(keep(r, *at, more));
    take(at, n, more);
    return r->n == r->data_bytes ? end_data(r) : STENO_OK;
}

static void end_event(wyoming_reader *r) {
    r->part = WYOMING_HEADER;
    r->since_ms = 0;
}

static void say_event(wyoming_reader *r, wyoming_item *out) {
    r->event_due = false;
    r->payload_left = r->payload_bytes;
    if (r->payload_left == 0) end_event(r);
    *out = (wyoming_item){.kind = WYOMING_EVENT,
                          .type = json_string_value(json_object_get(r->event, "type")),
                          .data = json_object_get(r->event, "data"),
                          .payload_bytes = r->payload_bytes};
}

static void say_piece(wyoming_reader *r, const unsigned char **at, size_t *n, wyoming_item *out) {
    size_t more = r->payload_left < *n ? r->payload_left : *n;
    r->payload_left -= more;
    if (r->payload_left == 0) end_event(r);
    *out = (wyoming_item){.kind = WYOMING_PIECE, .bytes = *at, .n = more, .last = r->payload_left == 0};
    take(at, n, more);
}

steno_err wyoming_read(wyoming_reader *r, const unsigned char **at, size_t *n, int64_t now_ms, wyoming_item *out) {
    *out = (wyoming_item){.kind = WYOMING_NOTHING};
    if (*n > 0 && !r->since_ms) r->since_ms = now_ms;
    while (!r->event_due && *n > 0) {
        if (r->part == WYOMING_PAYLOAD) {
            say_piece(r, at, n, out);
            return STENO_OK;
        }
        ERR_TRY(r->part == WYOMING_HEADER ? read_header(r, at, n) : read_data(r, at, n));
    }
    if (r->event_due) say_event(r, out);
    return STENO_OK;
}

/* ---- out ----------------------------------------------------------------------------------------------------------- */

char *wyoming_write(const char *type, json_t *data, size_t *n) {
    char head[WYOMING_WRITE_HEAD];
    char *text = data ? json_dumps(data, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS)) : NULL;
    size_t text_bytes = text ? strlen(text) : 0;
    bool lost = data && !text;
    json_decref(data);
    if (lost) return NULL;
    int head_bytes = snprintf(head, sizeof head, "{\"type\":\"%s\",\"version\":\"" WYOMING_VERSION "\"", type);
    if (text)
        head_bytes += snprintf(head + head_bytes, sizeof head - (size_t)head_bytes, ",\"data_length\":%zu", text_bytes);
    head_bytes += snprintf(head + head_bytes, sizeof head - (size_t)head_bytes, "}\n");
    char *bytes = mem_alloc(1, (size_t)head_bytes + text_bytes + 1);
    if (bytes) memcpy(bytes, head, (size_t)head_bytes);
    if (bytes && text) memcpy(bytes + head_bytes, text, text_bytes);
    free(text);
    *n = (size_t)head_bytes + text_bytes;
    return bytes;
}
