/* redaction_rule.c: what a request asks for, its key wants and the server is configured to become one policy. See redaction.h. */
#include "api/redaction.h"
#include "api/service_int.h"

#include <string.h>

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
