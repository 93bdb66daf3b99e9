/* redact_records.c: see redact_records.h. */
#include "cmd/redact_records.h"

#include "api/redact_json.h"

#include <stdio.h>
#include <string.h>

#define REAL_DIGITS 16 /* shortest that is what it was, but for the last bit of a few */

steno_err record_fields_parse(const char *list, record_fields *out) {
    size_t n = strlen(list);
    out->n = 0;
    if (n >= sizeof out->names) return err_fail(STENO_E_INVALID, "a list of names of %zu bytes is too long", n);
    memcpy(out->names, list, n + 1);
    char *rest = NULL;
    for (char *name = strtok_r(out->names, ", ", &rest); name; name = strtok_r(NULL, ", ", &rest)) {
        if (out->n == RECORD_FIELDS_MAX)
            return err_fail(STENO_E_INVALID, "more than %d names of members", RECORD_FIELDS_MAX);
        if (strcmp(name, "entities") == 0) return err_fail(STENO_E_INVALID, "\"entities\" is what says what was found");
        out->name[out->n++] = name;
    }
    return out->n ? STENO_OK : err_fail(STENO_E_INVALID, "want names of members, between commas");
}

/* Adds what was found in one text to the list of its object. */
static steno_err add_entities(const record_job *job, json_t *to, const char *field, const redact_text *t) {
    json_t *list = redact_json_entities(t, job->bytes), *one;
    size_t i;
    bool ok = list != NULL;
    json_array_foreach(list, i, one) {
        if (job->fields->n > 1) ok = ok && json_object_set_new(one, "field", json_string(field)) == 0;
    }
    ok = ok && json_array_extend(to, list) == 0;
    json_decref(list);
    return ok ? STENO_OK : err_fail(STENO_E_NOMEM, "no memory for a record");
}

static steno_err redact_field(const record_job *job, json_t *object, const char *field, json_t *entities) {
    const json_t *value = json_object_get(object, field);
    redact_text t = {0};
    if (!json_is_string(value)) return err_fail(STENO_E_FORMAT, "\"%s\" is no text", field);
    steno_err e = redact_whole(job->redactor, json_string_value(value), json_string_length(value), &t);
    if (e == STENO_OK && json_object_set_new(object, field, json_stringn(t.n ? t.text : "", t.n)) != 0)
        e = err_fail(STENO_E_NOMEM, "no memory for a record");
    if (e == STENO_OK) e = add_entities(job, entities, field, &t);
    if (e == STENO_OK) job->seen(job->user, &t);
    redact_text_free(&t);
    return e;
}

/* The members of one object that are texts. */
static steno_err redact_fields(const record_job *job, json_t *object, size_t *texts) {
    json_t *entities = json_array();
    size_t here = 0;
    steno_err e = entities ? STENO_OK : err_fail(STENO_E_NOMEM, "no memory for a record");
    for (size_t i = 0; e == STENO_OK && i < job->fields->n; i++) {
        const json_t *value = json_object_get(object, job->fields->name[i]);
        if (!value || json_is_null(value)) continue;
        here++;
        e = redact_field(job, object, job->fields->name[i], entities);
    }
    bool hidden = json_array_size(entities) > 0 && (job->mode == REDACT_MASK || job->mode == REDACT_PARTLY);
    if (e == STENO_OK && hidden) json_object_del(object, "words");
    if (e == STENO_OK && here && json_object_set(object, "entities", entities) != 0)
        e = err_fail(STENO_E_NOMEM, "no memory for a record");
    json_decref(entities);
    *texts += here;
    return e;
}

/* As deep as jansson reads, and no deeper. */
static steno_err walk(const record_job *job, json_t *value, size_t *texts) {
    const char *key;
    json_t *child;
    size_t i;
    if (json_is_object(value)) {
        ERR_TRY(redact_fields(job, value, texts));
        json_object_foreach(value, key, child) {
            if (strcmp(key, "entities") != 0) ERR_TRY(walk(job, child, texts));
        }
    }
    json_array_foreach(value, i, child) ERR_TRY(walk(job, child, texts));
    return STENO_OK;
}

steno_err record_redact(const record_job *job, const char *line, size_t n, char **out, size_t *texts) {
    json_error_t why;
    *out = NULL;
    *texts = 0;
    json_t *record = json_loadb(line, n, JSON_ALLOW_NUL, &why);
    if (!record) return err_fail(STENO_E_FORMAT, "no JSON object or array: wrong at byte %d", why.position);
    steno_err e = walk(job, record, texts);
    if (e == STENO_OK) {
        *out = json_dumps(record, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
        if (!*out) e = err_fail(STENO_E_NOMEM, "no memory for a record");
    }
    json_decref(record);
    return e;
}
