/* vosk_json.c: see vosk_json.h. */
#include "api/vosk_json.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_FIRST   128
#define MEMBERS_MAX  16 /* of one object */
#define INDENT       2
#define NUMBER_BYTES 64

typedef struct writing {
    char *text;
    size_t n, room;
    bool lost; /* no memory */
} writing;

static void put(writing *w, const char *text, size_t n) {
    size_t room = w->room ? w->room : TEXT_FIRST;
    while (room < w->n + n + 1) room *= 2;
    if (!w->lost && room != w->room) {
        char *more = mem_resize(w->text, w->room, room);
        w->lost = !more;
        if (more) w->text = more;
        if (more) w->room = room;
    }
    if (w->lost) return;
    memcpy(w->text + w->n, text, n);
    w->n += n;
    w->text[w->n] = 0;
}

static void put_text(writing *w, const char *text) {
    put(w, text, strlen(text));
}

static void put_string(writing *w, const json_t *value) {
    char *quoted = json_dumps(value, JSON_ENCODE_ANY);
    if (quoted)
        put_text(w, quoted);
    else
        w->lost = true;
    free(quoted);
}

static void put_number(writing *w, const json_t *value) {
    char text[NUMBER_BYTES];
    if (json_is_integer(value))
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        snprintf(text, sizeof text, "%f", json_real_value(value));
    put_text(w, text);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void put_value(writing *w, const json_t *value, int depth);

static void put_object(writing *w, const json_t *object, int depth) {
    const char *names[MEMBERS_MAX], *name;
    json_t *value;
    size_t n = 0;
    json_object_foreach((json_t *)object, name, value) {
        if (n < MEMBERS_MAX) names[n++] = name;
    }
    qsort(names, n, sizeof *names, by_name);
    put_text(w, "{");
    for (size_t i = 0; i < n; i++) {
        char line[NUMBER_BYTES];
        snprintf(line, sizeof line, "%s\n%*s\"%.40s\" : ", i ? "," : "", depth * INDENT, "", names[i]);
        put_text(w, line);
        put_value(w, json_object_get(object, names[i]), depth + 1);
    }
    char end[NUMBER_BYTES];
    snprintf(end, sizeof end, "\n%*s}", (depth - 1) * INDENT, "");
    put_text(w, end);
}

static void put_array(writing *w, const json_t *array, int depth) {
    size_t i;
    json_t *value;
    put_text(w, "[");
    json_array_foreach((json_t *)array, i, value) {
        if (i) put_text(w, ", ");
        put_value(w, value, depth + 1);
    }
    put_text(w, "]");
}

/* As deep as our own replies: never deeper than their shape. */
static void put_value(writing *w, const json_t *value, int depth) {
    if (json_is_object(value))
        put_object(w, value, depth);
    else if (json_is_array(value))
        put_array(w, value, depth);
    else if (json_is_number(value))
        put_number(w, value);
    else
        put_string(w, value);
}

char *vosk_json(const json_t *value, size_t *n) {
    writing w = {0};
    put_value(&w, value, 1);
    if (w.lost) {
        mem_free(w.text);
        return NULL;
    }
    *n = w.n;
    return w.text;
}
