/* openai_append.c: see openai_append.h. */
#include "api/openai_append.h"

#include "base/mem.h"

#include <string.h>

enum { PLAIN, STRING, STRING_ESCAPE, AUDIO, AUDIO_ESCAPE, AUDIO_HEX };

/* ---- what is kept ----------------------------------------------------------------------------------------------- */

static bool grow(openai_event *e, size_t need) {
    uint32_t room = e->room ? e->room : OPENAI_EVENT_SHORT;
    while (room < need) room *= 2;
    char *more = mem_resize(e->text, e->room, room);
    if (!more) return false;
    if (!e->text) memcpy(more, e->small, e->n);
    e->text = more;
    e->room = room;
    return true;
}

static void keep(openai_event *e, char c) {
    if (e->too_long) return;
    size_t room = e->text ? e->room : sizeof e->small;
    if (e->n == OPENAI_EVENT_BYTES_MAX || (e->n == room && !grow(e, (size_t)e->n + 1))) {
        e->too_long = true;
        return;
    }
    (e->text ? e->text : e->small)[e->n++] = c;
}

/* ---- base64 ----------------------------------------------------------------------------------------------------- */

static int sextet(unsigned char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

typedef struct decoded {
    unsigned char bytes[OPENAI_AUDIO_PIECE];
    size_t n;
    openai_audio_sink *sink;
    void *user;
} decoded;

static void hand_over(openai_event *e, decoded *d) {
    if (d->n && e->sink_error == STENO_OK && !e->bad_audio) {
        e->sink_error = d->sink(d->user, d->bytes, d->n);
        e->audio_bytes += d->n;
    }
    d->n = 0;
}

static void take_base64(openai_event *e, decoded *d, unsigned char c) {
    int six = sextet(c);
    if (c == '=') {
        e->padded = true;
        return;
    }
    if (six < 0 || e->padded) {
        hand_over(e, d); /* what was good before it is sound all the same */
        e->bad_audio = true;
        return;
    }
    e->quad = e->quad << 6 | (uint32_t)six;
    if (++e->quad_n < 4) return;
    if (d->n + 3 > sizeof d->bytes) hand_over(e, d);
    d->bytes[d->n++] = (unsigned char)(e->quad >> 16);
    d->bytes[d->n++] = (unsigned char)(e->quad >> 8);
    d->bytes[d->n++] = (unsigned char)e->quad;
    e->quad = e->quad_n = 0;
}

/* The last characters, with or without their padding: two are a byte, three are two; one is none. */
static void end_base64(openai_event *e, decoded *d) {
    bool odd = e->quad_n == 1;
    if (d->n + 2 > sizeof d->bytes) hand_over(e, d);
    if (e->quad_n == 2) d->bytes[d->n++] = (unsigned char)(e->quad >> 4);
    if (e->quad_n == 3) {
        d->bytes[d->n++] = (unsigned char)(e->quad >> 10);
        d->bytes[d->n++] = (unsigned char)(e->quad >> 2);
    }
    e->quad = e->quad_n = 0;
    hand_over(e, d);
    e->bad_audio = e->bad_audio || odd;
}

/* Some encoders of JSON write '/' and '+' as escapes. */
static void take_escape(openai_event *e, decoded *d, char c) {
    if (e->state == AUDIO_ESCAPE) {
        e->state = c == 'u' ? AUDIO_HEX : AUDIO;
        e->escape_n = 0;
        if (c != 'u') take_base64(e, d, c == '/' ? '/' : '!'); /* no other escape is base64 */
        return;
    }
    e->escape[e->escape_n++] = c;
    if (e->escape_n < sizeof e->escape) return;
    e->state = AUDIO;
    unsigned value = 0;
    for (size_t i = 0; i < sizeof e->escape; i++) {
        char x = (char)(e->escape[i] | 0x20);
        bool digit = x >= '0' && x <= '9';
        if (!digit && !(x >= 'a' && x <= 'f')) value = 0x1000;
        value = value << 4 | (unsigned)(digit ? x - '0' : x - 'a' + 10);
    }
    take_base64(e, d, value < 0x80 ? (unsigned char)value : '!');
}

static void take_audio(openai_event *e, decoded *d, char c) {
    if (e->state != AUDIO) {
        take_escape(e, d, c);
    } else if (c == '"') {
        end_base64(e, d);
        e->state = PLAIN;
        keep(e, '"');
    } else if (c == '\\') {
        e->state = AUDIO_ESCAPE;
    } else {
        take_base64(e, d, (unsigned char)c);
    }
}

/* ---- the object around it ---------------------------------------------------------------------------------------- */

static void take_quote(openai_event *e) {
    bool top = e->depth == 1 && e->object;
    bool audio = top && e->value_due && e->key_n == 5 && memcmp(e->key, "audio", 5) == 0 && !e->has_audio;
    e->state = audio ? AUDIO : STRING;
    e->has_audio = e->has_audio || audio;
    e->in_key = top && e->key_due;
    if (e->in_key) e->key_n = 0;
    e->key_due = e->value_due = false;
}

static void take_plain(openai_event *e, char c) {
    keep(e, c);
    switch (c) {
    case '"':
        take_quote(e);
        return;
    case '{':
    case '[':
        if (e->depth++ == 0) e->object = e->key_due = c == '{';
        e->value_due = false;
        return;
    case '}':
    case ']':
        e->depth--;
        return;
    case ':':
        e->value_due = e->depth == 1;
        return;
    case ',':
        if (e->depth == 1) e->key_due = true;
        e->value_due = false;
        return;
    default:
        return;
    }
}

static void take_string(openai_event *e, char c) {
    keep(e, c);
    if (e->state == STRING_ESCAPE) {
        e->state = STRING;
    } else if (c == '\\') {
        e->state = STRING_ESCAPE;
    } else if (c == '"') {
        e->state = PLAIN;
        return;
    }
    if (e->in_key && e->key_n < sizeof e->key) e->key[e->key_n++] = c;
}

void openai_event_begin(openai_event *e) {
    openai_event_free(e);
    *e = (openai_event){0};
}

void openai_event_push(openai_event *e, const char *bytes, size_t n, openai_audio_sink *sink, void *user) {
    decoded d = {.sink = sink, .user = user};
    for (size_t i = 0; i < n; i++) {
        if (e->state == PLAIN)
            take_plain(e, bytes[i]);
        else if (e->state < AUDIO)
            take_string(e, bytes[i]);
        else
            take_audio(e, &d, bytes[i]);
    }
    hand_over(e, &d);
}

steno_err openai_event_end(openai_event *e, json_t **out) {
    json_error_t why;
    *out = NULL;
    if (e->too_long)
        return err_fail(STENO_E_LIMIT, "an event is longer than %d bytes without its audio", OPENAI_EVENT_BYTES_MAX);
    json_t *object = json_loadb(e->text ? e->text : e->small, e->n, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(object)) {
        json_decref(object);
        return err_fail(STENO_E_FORMAT, "the event is not a JSON object");
    }
    *out = object;
    if (e->bad_audio) return err_fail(STENO_E_FORMAT, "the audio is not base64");
    return e->sink_error;
}

void openai_event_free(openai_event *e) {
    mem_free(e->text);
    e->text = NULL;
    e->room = e->n = 0;
}
