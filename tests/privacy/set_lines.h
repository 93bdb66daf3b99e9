/* set_lines.h: the sets of tests/privacy/generate.mjs, for tests in C. Header only; main thread. */
#ifndef TESTS_PRIVACY_SET_LINES_H
#define TESTS_PRIVACY_SET_LINES_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Opens a set of $STENO_PRIVACY (default build/privacy): "en", "zh", "presidio". NULL: it has not been made. */
static inline FILE *set_open(const char *name) {
    char path[4096];
    const char *folder = getenv("STENO_PRIVACY");
    snprintf(path, sizeof path, "%s/%s.jsonl", folder ? folder : "build/privacy", name);
    return fopen(path, "rb");
}

/* The next line as a JSON object with a text, the caller's to release; NULL at the end, or where a line is none. */
static inline json_t *set_next(FILE *f) {
    json_error_t why;
    json_t *line = json_loadf(f, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, &why);
    if (line && json_is_string(json_object_get(line, "text"))) return line;
    json_decref(line);
    return NULL;
}

static inline const char *set_text(const json_t *line, size_t *n) {
    const json_t *text = json_object_get(line, "text");
    *n = json_string_length(text);
    return json_string_value(text);
}

#endif
