/* redact_json.c: see redact_json.h. */
#include "api/redact_json.h"

#include <math.h>

static json_t *entity(const redact_entity *e, size_t start, size_t end) {
    double confidence = round((double)e->confidence * 1000) / 1000;
    return json_pack("{s:s, s:I, s:I, s:f}", "type", e->name, "start", (json_int_t)start, "end", (json_int_t)end,
                     "confidence", confidence);
}

json_t *redact_json_entities(const redact_text *t, bool bytes) {
    json_t *list = json_array();
    size_t at = 0, chars = 0; /* of the text so far */
    for (size_t i = 0; list && i < t->n_entities; i++) {
        const redact_entity *e = &t->entities[i];
        size_t start = e->out_at, end = e->out_at + e->out_n;
        if (!bytes) {
            start = chars + redact_count_chars(t->text + at, e->out_at - at);
            chars = end = start + redact_count_chars(t->text + e->out_at, e->out_n);
            at = e->out_at + e->out_n;
        }
        if (json_array_append_new(list, entity(e, start, end)) == 0) continue;
        json_decref(list);
        return NULL;
    }
    return list;
}
