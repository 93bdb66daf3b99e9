/* policy.c: see policy.h. */
#include "privacy/policy.h"

#include "base/err.h"

#include <string.h>
#include <strings.h>

static const struct mode_word {
    const char *name;
    redact_mode mode;
} modes[] = {
    {"off", REDACT_OFF},   {"tag", REDACT_TAG},   {"redact", REDACT_PARTLY},
    {"mask", REDACT_MASK}, {"true", REDACT_MASK}, {"false", REDACT_OFF},
};

void policy_init(gate_policy *p) {
    *p = (gate_policy){
        .mode = REDACT_OFF, .types = entity_default_set, .hold_ms = POLICY_HOLD_DEFAULT_MS, .min_confidence = .5f};
}

steno_err policy_parse_mode(const char *text, size_t n, redact_mode *out) {
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strlen(modes[i].name) != n || strncasecmp(modes[i].name, text, n) != 0) continue;
        *out = modes[i].mode;
        return STENO_OK;
    }
    return err_fail(STENO_E_INVALID, "redact is off, mask, redact or tag, not \"%.*s\"", (int)(n < 40 ? n : 40), text);
}

const char *policy_mode_name(redact_mode mode) {
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (modes[i].mode == mode) return modes[i].name;
    return "off";
}

bool policy_same(const gate_policy *a, const gate_policy *b) {
    return a->mode == b->mode && a->types == b->types && a->forced == b->forced && a->itn == b->itn &&
           a->count == b->count && a->hold_ms == b->hold_ms && a->min_confidence == b->min_confidence;
}

/* Modes stand in the order of strictness. */
void policy_join(gate_policy *request, const gate_policy *floor) {
    if (!floor->forced) return;
    if (request->mode < floor->mode) request->mode = floor->mode;
    request->types |= floor->types;
    request->forced = true;
    if (request->hold_ms < floor->hold_ms) request->hold_ms = floor->hold_ms;
    if (request->min_confidence > floor->min_confidence) request->min_confidence = floor->min_confidence;
}
