/* redaction.c: see redaction.h. */
#include "api/redaction.h"

#include "api/service_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPES_BYTES 320 /* names of all kinds */

/* ---- three wishes ----------------------------------------------------------------------------------------------- */

/* A policy that was kept and cannot be read, as one of a newer version, is taken at its strictest. */
static void key_policy(const auth_pass *pass, gate_policy *p) {
    const char *mode, *types;
    if (!pass || !auth_redaction(pass, &mode, &types)) return;
    p->forced = true;
    if (policy_parse_mode(mode, strlen(mode), &p->mode) != STENO_OK) p->mode = REDACT_MASK;
    if (types[0] && entity_parse_set(types, strlen(types), &p->types) != STENO_OK) p->types = entity_all_set;
}

void redaction_rule(const service *v, const auth_pass *pass, redact_rule *out) {
    gate_policy of_key = v->config.policy;
    of_key.mode = REDACT_OFF;
    of_key.forced = false;
    if (of_key.types == 0) of_key.types = entity_default_set;
    key_policy(pass, &of_key);
    out->usual = v->config.policy;
    if (of_key.forced && out->usual.mode == REDACT_OFF) out->usual = of_key;
    policy_join(&out->usual, &of_key);
    out->floor = of_key.forced ? of_key : v->config.policy;
    if (of_key.forced) policy_join(&out->floor, &v->config.policy);
}

void redaction_settle(const redact_rule *rule, const redact_wish *wish, gate_policy *out) {
    *out = rule->usual;
    if (!wish) return;
    if (wish->has_mode) out->mode = wish->mode;
    if (wish->has_types) out->types = wish->types;
    if (wish->has_itn) out->itn = wish->itn;
    if (wish->has_hold) out->hold_ms = wish->hold_ms;
    out->count |= wish->count;
    policy_join(out, &rule->floor);
}

void redaction_policy(const service *v, const auth_pass *pass, const redact_wish *wish, gate_policy *out) {
    redact_rule rule;
    redaction_rule(v, pass, &rule);
    redaction_settle(&rule, wish, out);
}

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
