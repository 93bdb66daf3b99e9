/* redaction.c: what is asked for and said of redaction, in the names of our own. Pure. See redaction.h. */
#include "api/redaction.h"

#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPES_BYTES 320 /* names of all kinds */

/* ---- what a request says ---------------------------------------------------------------------------------------- */

static steno_err take_mode(redact_wish *w, const char *value) {
    w->has_mode = true;
    return policy_parse_mode(value, strlen(value), &w->mode);
}

static steno_err take_types(redact_wish *w, const char *value) {
    w->has_types = true;
    if (entity_parse_set(value, strlen(value), &w->types) == STENO_OK) return STENO_OK;
    char why[ERR_DETAIL_BYTES]; /* it is where the next one is made */
    snprintf(why, sizeof why, "%s", steno_error_detail());
    return err_fail(STENO_E_INVALID, "redact_types: %s", why);
}

static steno_err take_itn(redact_wish *w, const char *value) {
    w->has_itn = true;
    w->itn = strcmp(value, "true") == 0;
    if (w->itn || strcmp(value, "false") == 0) return STENO_OK;
    return err_fail(STENO_E_INVALID, "itn: want true or false");
}

static steno_err set_hold(redact_wish *w, double ms) {
    w->has_hold = true;
    if (!(ms >= 0 && ms <= POLICY_HOLD_MAX_MS) || ms != (int)ms)
        return err_fail(STENO_E_INVALID, "redact_hold_ms: want a whole number from 0 to %d", POLICY_HOLD_MAX_MS);
    w->hold_ms = (int)ms;
    return STENO_OK;
}

static steno_err take_hold(redact_wish *w, const char *value) {
    bool digits = value[0] && !value[strspn(value, "0123456789")] && strlen(value) < 9;
    return set_hold(w, digits ? strtod(value, NULL) : -1);
}

steno_err redaction_take(redact_wish *w, const char *name, const char *value, bool *mine) {
    *mine = true;
    if (strcmp(name, "redact") == 0) return take_mode(w, value);
    if (strcmp(name, "redact_types") == 0) return take_types(w, value);
    if (strcmp(name, "itn") == 0) return take_itn(w, value);
    if (strcmp(name, "redact_hold_ms") == 0) return take_hold(w, value);
    *mine = false;
    return STENO_OK;
}

steno_err redaction_take_json(redact_wish *w, const char *name, const json_t *value, bool *mine) {
    if (strcmp(name, "redact_hold_ms") == 0) {
        *mine = true;
        return set_hold(w, json_is_integer(value) ? (double)json_integer_value(value) : -1);
    }
    const char *text = json_is_boolean(value) ? json_is_true(value) ? "true" : "false" : json_string_value(value);
    return redaction_take(w, name, text ? text : "", mine);
}

void redaction_add(redact_wish *w, const redact_wish *later) {
    if (later->has_mode) w->mode = later->mode;
    if (later->has_types) w->types = later->types;
    if (later->has_itn) w->itn = later->itn;
    if (later->has_hold) w->hold_ms = later->hold_ms;
    w->has_mode |= later->has_mode;
    w->has_types |= later->has_types;
    w->has_itn |= later->has_itn;
    w->has_hold |= later->has_hold;
    w->count |= later->count;
}

/* ---- what is said of it ----------------------------------------------------------------------------------------- */

bool redaction_put(json_t *object, const gate_policy *p) {
    char types[TYPES_BYTES];
    entity_print_set(p->types, types, sizeof types);
    json_t *more = json_pack("{s:s, s:s, s:b, s:i}", "redact", policy_mode_name(p->mode), "redact_types", types, "itn",
                             p->itn, "redact_hold_ms", p->hold_ms);
    bool ok = more && json_object_update(object, more) == 0;
    json_decref(more);
    return ok;
}
