/* find.c: asks the rules token by token, and decides where what they found overlaps.
 *
 * Owner      `privacy`: shared, immutable; a `finder`: one thread.
 * Invariants a rule's answer counts only if it did not touch the end of a text that goes on (rule.h); then it is the same for every
 *            continuation. Findings that overlap form a cluster together with all tokens the rules in it have skipped; a
 *            cluster is decided as a whole once no token is left in it, so deciding needs nothing but what is settled already. What is not
 *            settled begins at a cluster's first token or behind the last, so a later call may begin there.
 */
#include "privacy/find.h"

#include "base/err.h"
#include "base/mem.h"
#include "privacy/custom.h"
#include "privacy/ner.h"

#include <stdatomic.h>
#include <string.h>

#define PENDING_MAX  64                   /* findings of a cluster; then it is decided as far as it goes */
#define CLUSTER_MAX  (4 * RULE_AHEAD_MAX) /* tokens of a cluster; likewise */
#define MAIL_TOKENS  6
#define NO_CLUSTER   UINT32_MAX
#define KIND(kind)   (1u << (kind))
#define SPOKEN_SENSE (SENSE_DIGIT | SENSE_TEEN | SENSE_TENS | SENSE_SCALE | SENSE_REPEAT)

#define NAME_TYPES (ENTITY_BIT(ENTITY_PERSON) | ENTITY_BIT(ENTITY_PLACE) | ENTITY_BIT(ENTITY_ORGANISATION))

/* A rule is asked at tokens of these kinds or with one of these senses, if one of its types is looked for. */
typedef struct rule_line {
    rule_ask *ask;
    entity_set types;
    uint32_t kinds;
    uint64_t senses;
    uint8_t word_max; /* bytes of a word without such a sense; 0: any */
    bool glued;       /* of a word without such a sense only if what follows stands directly at it */
} rule_line;

static const rule_line rules[] = {
    {.ask = rule_digits,
     .types = ENTITY_BIT(ENTITY_ID) | ENTITY_BIT(ENTITY_PHONE) | ENTITY_BIT(ENTITY_CARD) | ENTITY_BIT(ENTITY_SSN) |
              ENTITY_BIT(ENTITY_ACCOUNT) | ENTITY_BIT(ENTITY_NUMBER),
     .kinds = KIND(TOKEN_DIGITS),
     .senses = SPOKEN_SENSE | SENSE_PLUS | SENSE_OPEN | SENSE_LETTER},
    {.ask = rule_codes,
     .types =
         ENTITY_BIT(ENTITY_ACCOUNT) | ENTITY_BIT(ENTITY_IBAN) | ENTITY_BIT(ENTITY_PASSPORT) | ENTITY_BIT(ENTITY_PLATE),
     .kinds = KIND(TOKEN_DIGITS) | KIND(TOKEN_WORD),
     .senses = SENSE_LETTER | SENSE_PROVINCE | SPOKEN_SENSE,
     .word_max = 4},
    {.ask = rule_email,
     .types = ENTITY_BIT(ENTITY_EMAIL),
     .kinds = KIND(TOKEN_WORD) | KIND(TOKEN_DIGITS),
     .senses = SPOKEN_SENSE},
    {.ask = rule_url, .types = ENTITY_BIT(ENTITY_URL), .kinds = KIND(TOKEN_WORD), .glued = true},
    {.ask = rule_ip,
     .types = ENTITY_BIT(ENTITY_IP),
     .kinds = KIND(TOKEN_WORD) | KIND(TOKEN_DIGITS),
     .senses = SPOKEN_SENSE,
     .word_max = 4,
     .glued = true},
    {.ask = rule_date,
     .types = ENTITY_BIT(ENTITY_BIRTH_DATE) | ENTITY_BIT(ENTITY_DATE),
     .kinds = KIND(TOKEN_DIGITS),
     .senses = SPOKEN_SENSE | SENSE_MONTH | SENSE_ORDINAL | SENSE_ARTICLE},
    {.ask = rule_address,
     .types = ENTITY_BIT(ENTITY_ADDRESS),
     .kinds = KIND(TOKEN_DIGITS) | KIND(TOKEN_HAN),
     .senses = SPOKEN_SENSE | SENSE_LETTER | SENSE_STREET},
    {.ask = rule_amount,
     .types = ENTITY_BIT(ENTITY_AMOUNT),
     .kinds = KIND(TOKEN_DIGITS),
     .senses = SPOKEN_SENSE | SENSE_CURRENCY},
    {.ask = rule_name, .types = NAME_TYPES, .kinds = KIND(TOKEN_WORD) | KIND(TOKEN_HAN)},
};
#define RULES (sizeof rules / sizeof *rules)

struct privacy {
    atomic_uint owners;
    privacy_options options;
    custom *custom; /* the operator's rules and allow-lists; NULL: none */
};

typedef struct candidate {
    rule_found found;
    bool dropped;
} candidate;

struct finder {
    privacy *p;
    custom_scratch *custom; /* NULL: no rules of the operator */
    names *names;           /* NULL: names are not looked for */
    token *tokens;          /* [FIND_TEXT_MAX] */
    uint32_t n_tokens;
    finding *results; /* [FIND_RESULTS_MAX] */
    uint32_t n_results;
    /* of the call */
    const find_text *text;
    entity_set types;
    float min_confidence;
    reader reader;
    uint32_t kinds; /* of all rules that are asked */
    uint64_t senses;
    uint8_t by_kind[TOKEN_BREAK + 1][RULES]; /* the rules that are asked at tokens of a kind whatever they mean … */
    uint8_t n_by_kind[TOKEN_BREAK + 1];      /* … how many */
    uint32_t next[RULES];                    /* the token from which on a rule is asked again */
    uint32_t first, reach;                   /* the cluster's tokens: [first, reach); NO_CLUSTER */
    uint32_t taken;                          /* tokens before this are covered by what is decided */
    uint32_t n_pending;
    candidate pending[PENDING_MAX + RULE_FOUND_MAX];
};

/* ---- owners ------------------------------------------------------------------------------------------------------ */

steno_err privacy_open(const privacy_options *options, privacy **out) {
    *out = NULL;
    ERR_TRY(token_lexicon());
    privacy *p = mem_alloc(1, sizeof *p);
    if (!p) return err_fail(STENO_E_NOMEM, "privacy: no memory for the rules");
    atomic_init(&p->owners, 1);
    if (options) p->options = *options;
    p->options.rules_path = NULL; /* the caller's */
    steno_err err = options && options->rules_path ? custom_open(options->rules_path, &p->custom) : STENO_OK;
    if (err) {
        mem_free(p);
        return err;
    }
    *out = p;
    return STENO_OK;
}

privacy *privacy_share(privacy *p) {
    atomic_fetch_add(&p->owners, 1);
    return p;
}

void privacy_close(privacy *p) {
    if (!p || atomic_fetch_sub(&p->owners, 1) != 1) return;
    custom_free(p->custom);
    mem_free(p);
}

steno_err finder_open(const privacy *p, finder **out) {
    *out = NULL;
    finder *f = mem_alloc(1, sizeof *f);
    if (!f) return err_fail(STENO_E_NOMEM, "privacy: no memory for a finder");
    f->tokens = mem_alloc(FIND_TEXT_MAX, sizeof *f->tokens);
    f->results = mem_alloc(FIND_RESULTS_MAX, sizeof *f->results);
    if (!f->tokens || !f->results) {
        finder_free(f);
        return err_fail(STENO_E_NOMEM, "privacy: no memory for a finder's tokens and results");
    }
    f->p = privacy_share((privacy *)(uintptr_t)p);
    steno_err err = p->options.no_names ? STENO_OK : names_open(&f->names);
    if (!err && custom_rules(p->custom)) err = custom_scratch_open(p->custom, &f->custom);
    if (err) {
        finder_free(f);
        return err;
    }
    *out = f;
    return STENO_OK;
}

void finder_free(finder *f) {
    if (!f) return;
    custom_scratch_free(f->custom);
    mem_free(f->tokens);
    mem_free(f->results);
    names_free(f->names);
    privacy_close(f->p);
    mem_free(f);
}

const char *privacy_custom_name(const privacy *p, uint32_t rule) {
    return custom_name(p->custom, rule);
}

const char *privacy_custom_mask(const privacy *p, uint32_t rule) {
    return custom_mask(p->custom, rule);
}

/* ---- where findings overlap -------------------------------------------------------------------------------------- */

/* Kinds that name nobody, and are looked for on request only: the date within an identity number is none. */
static bool gives_way(entity_type type) {
    return type == ENTITY_AMOUNT || type == ENTITY_DATE || type == ENTITY_NUMBER;
}

static bool surer(const rule_found *a, const rule_found *b) {
    if (gives_way(a->type) != gives_way(b->type)) return gives_way(b->type);
    if (a->confidence != b->confidence) return a->confidence > b->confidence;
    if (a->type != b->type) return a->type < b->type;
    return a->end - a->first > b->end - b->first;
}

static bool overlap(const rule_found *a, const rule_found *b) {
    return a->first < b->end && b->first < a->end;
}

/* At the limit the last one grows: too much is masked rather than too little. */
static void result_add(finder *f, const rule_found *found) {
    const token *first = &f->tokens[found->first], *last = &f->tokens[found->end - 1];
    uint32_t end = last->at + last->n;
    if (f->n_results == FIND_RESULTS_MAX) {
        finding *full = &f->results[f->n_results - 1];
        full->n = end - full->at;
        return;
    }
    finding *to = &f->results[f->n_results++];
    to->type = found->type;
    to->at = first->at;
    to->n = end - first->at;
    to->confidence = found->confidence;
    to->custom = found->custom;
    memcpy(to->canonical, found->canonical, sizeof to->canonical);
}

/* The surest of the pending that is left, or NULL. */
static candidate *surest(finder *f) {
    candidate *best = NULL;
    for (uint32_t i = 0; i < f->n_pending; i++) {
        candidate *c = &f->pending[i];
        if (!c->dropped && (!best || surer(&c->found, &best->found))) best = c;
    }
    return best;
}

/* What is surest stays and what overlaps it goes, until all is decided; then out, in order. */
static void cluster_decide(finder *f) {
    rule_found kept[PENDING_MAX + RULE_FOUND_MAX];
    uint32_t n_kept = 0;
    for (candidate *best; (best = surest(f));) {
        for (uint32_t i = 0; i < f->n_pending; i++)
            if (overlap(&f->pending[i].found, &best->found)) f->pending[i].dropped = true;
        uint32_t at = n_kept++;
        for (; at > 0 && kept[at - 1].first > best->found.first; at--) kept[at] = kept[at - 1];
        kept[at] = best->found;
    }
    for (uint32_t i = 0; i < n_kept; i++) {
        if (kept[i].first < f->taken) continue;
        result_add(f, &kept[i]);
        f->taken = kept[i].end;
    }
    f->n_pending = 0;
    f->first = NO_CLUSTER;
}

/* The operator's allow-list has it. */
static bool is_allowed(const finder *f, const rule_found *found) {
    const token *first = &f->tokens[found->first], *last = &f->tokens[found->end - 1];
    return f->p->custom && custom_allows(f->p->custom, found->type, f->text->text + first->at,
                                         last->at + last->n - first->at, found->canonical);
}

static void cluster_add(finder *f, uint32_t i, uint32_t skip, const rule_found *found, uint32_t n) {
    uint32_t reach = i + skip;
    for (uint32_t k = 0; k < n; k++) {
        if (found[k].end > reach) reach = found[k].end;
        if (found[k].end <= found[k].first || found[k].confidence < f->min_confidence ||
            !(ENTITY_BIT(found[k].type) & f->types))
            continue;
        if (is_allowed(f, &found[k])) continue;
        f->pending[f->n_pending].found = found[k];
        f->pending[f->n_pending++].dropped = false;
    }
    if (reach <= i + 1 && n == 0) return;
    if (f->first == NO_CLUSTER) f->first = i, f->reach = reach;
    if (f->reach < reach) f->reach = reach;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static bool rule_wants(const finder *f, const rule_line *rule, uint32_t i) {
    const token *t = &f->tokens[i];
    if (!(rule->types & f->types)) return false;
    if (rule->senses & t->sense) return true;
    if (!(rule->kinds & KIND(t->kind))) return false;
    if (t->kind != TOKEN_WORD) return true;
    if (rule->word_max && t->n > rule->word_max) return false;
    return !rule->glued || i + 1 >= f->reader.n_tokens || !f->tokens[i + 1].spaced;
}

/* Asks one rule at token i. False: it read past the end, and the text from here on waits. */
static bool ask(finder *f, size_t k, uint32_t i) {
    rule_found found[RULE_FOUND_MAX];
    uint32_t n = 0, skip = 1;
    f->reader.touched = false;
    rules[k].ask(&f->reader, i, f->types, found, &n, &skip);
    if (f->reader.touched) return false;
    if (skip < 1) skip = 1;
    uint32_t next = i + skip;
    for (uint32_t j = 0; j < n; j++)
        if (found[j].end > next) next = found[j].end;
    f->next[k] = next;
    if (n || skip > 1) cluster_add(f, i, skip, found, n);
    if (f->n_pending > PENDING_MAX) cluster_decide(f);
    return true;
}

/* Asks the operator's rules. False: as ask(). */
static bool ask_custom(finder *f, uint32_t i) {
    rule_found found[RULE_FOUND_MAX];
    uint32_t n = 0;
    if (!f->custom || !(f->types & ENTITY_BIT(ENTITY_CUSTOM)) || !custom_may_begin(f->p->custom, &f->reader, i))
        return true;
    f->reader.touched = false;
    custom_ask(f->custom, &f->reader, i, found, &n);
    if (f->reader.touched) return false;
    cluster_add(f, i, 1, found, n);
    if (f->n_pending > PENDING_MAX) cluster_decide(f);
    return true;
}

static bool ask_all(finder *f, uint32_t i) {
    const token *t = &f->tokens[i];
    if (!ask_custom(f, i)) return false;
    if (!(f->kinds & KIND(t->kind)) && !(f->senses & t->sense)) return true;
    if (!(f->senses & t->sense)) {
        for (uint32_t j = 0; j < f->n_by_kind[t->kind]; j++) {
            size_t k = f->by_kind[t->kind][j];
            if (i >= f->next[k] && rule_wants(f, &rules[k], i) && !ask(f, k, i)) return false;
        }
        return true;
    }
    for (size_t k = 0; k < RULES; k++)
        if (i >= f->next[k] && rule_wants(f, &rules[k], i) && !ask(f, k, i)) return false;
    return true;
}

/* Returns the first token that is not settled. */
static uint32_t walk(finder *f) {
    uint32_t i = 0, n = f->reader.n_tokens;
    while (i < n && f->tokens[i].at < f->text->context) i++;
    for (; i < n; i++) {
        if (f->first != NO_CLUSTER && (i >= f->reach || i - f->first >= CLUSTER_MAX)) cluster_decide(f);
        if (!ask_all(f, i)) break;
    }
    if (f->first == NO_CLUSTER) return i;
    if (i == n && (i >= f->reach || f->reader.whole)) {
        cluster_decide(f);
        return i;
    }
    return f->first;
}

/* Behind what is stable the text may yet be different: only words that mean nothing to any rule are settled there. */
static uint32_t walk_unstable(const finder *f, uint32_t i, uint32_t closed) {
    for (; i < closed; i++) {
        const token *t = &f->tokens[i];
        if ((f->kinds & KIND(t->kind)) || (f->senses & t->sense) || (t->sense & SENSE_KEYS)) break;
    }
    return i;
}

/* A token at the edge of what is stable may be another one once what follows has changed: "艾" 艾特, "it" "it's". */
static uint32_t count_stable(const finder *f, uint32_t closed, size_t stable) {
    if (stable >= f->text->n) return closed;
    while (closed > 0 && f->tokens[closed - 1].at + (size_t)f->tokens[closed - 1].n > stable) closed--;
    return token_closed(f->text->text, token_whole_characters(f->text->text, stable), f->tokens, closed);
}

/* A word for an electronic address stands right before token i. */
static bool is_mail_near(const finder *f, uint32_t i) {
    for (uint32_t k = i; k > 0 && i - k < MAIL_TOKENS; k--)
        if (f->tokens[k - 1].sense & SENSE_MAIL) return true;
    return false;
}

/* Part of an electronic address rather than the end of a sentence, or "at home". */
static bool is_joint(const finder *f, uint32_t i, bool mail) {
    const token *t = &f->tokens[i];
    if (t->sense & SENSE_UNDERSCORE) return true;
    if (t->sense & SENSE_AT) return mail || t->kind != TOKEN_WORD;
    if (!(t->sense & SENSE_DOT)) return false;
    return t->kind != TOKEN_SIGN || (i + 1 < f->n_tokens && !f->tokens[i + 1].spaced);
}

/* A number that goes on, or its beginning where the words before say that one follows; the middle of an address. */
static bool is_open(const finder *f, uint32_t from) {
    uint32_t figures = 0, joints = 0, known = from < f->reader.n_tokens ? from : f->reader.n_tokens;
    bool mail = is_mail_near(f, known);
    for (uint32_t i = from; i < f->n_tokens; i++) {
        const token *t = &f->tokens[i];
        if (t->kind == TOKEN_DIGITS) figures += t->n;
        if (t->sense & SPOKEN_SENSE) figures++;
        joints += is_joint(f, i, mail);
    }
    if (figures >= 2 || mail || (joints && f->n_tokens - from >= 3)) return true;
    return figures && rule_keys_before(&f->reader, known);
}

/* ---- a call ------------------------------------------------------------------------------------------------------ */

static void begin(finder *f, const find_text *text, entity_set types, float min_confidence) {
    f->text = text;
    f->types = types;
    f->min_confidence = min_confidence;
    f->n_results = f->n_pending = 0;
    f->first = NO_CLUSTER;
    f->reach = f->taken = 0;
    f->kinds = 0;
    f->senses = 0;
    memset(f->next, 0, sizeof f->next);
    memset(f->n_by_kind, 0, sizeof f->n_by_kind);
    for (size_t k = 0; k < RULES; k++) {
        if (!(rules[k].types & types)) continue;
        f->kinds |= rules[k].kinds;
        f->senses |= rules[k].senses;
        for (uint32_t kind = 0; kind <= TOKEN_BREAK; kind++)
            if (rules[k].kinds & KIND(kind)) f->by_kind[kind][f->n_by_kind[kind]++] = (uint8_t)k;
    }
    if (f->custom && (types & ENTITY_BIT(ENTITY_CUSTOM))) f->kinds = UINT32_MAX;
}

static void report(const finder *f, size_t settled, uint32_t hold, find_result *out) {
    *out = (find_result){.findings = f->results, .n = f->n_results, .settled = settled};
    out->digits_open = hold < f->n_tokens && is_open(f, hold);
}

static uint64_t senses_of(const finder *f) {
    uint64_t senses = 0;
    for (uint32_t i = 0; i < f->n_tokens; i++) senses |= f->tokens[i].sense;
    return senses;
}

steno_err find_run(finder *f, const find_text *text, entity_set types, float min_confidence, find_result *out) {
    if (text->n > FIND_TEXT_MAX)
        return err_fail(STENO_E_LIMIT, "privacy: a text of %zu bytes is longer than %d", text->n, FIND_TEXT_MAX);
    if (!f->names) types &= ~NAME_TYPES;
    begin(f, text, types, min_confidence);
    size_t n = text->whole ? text->n : token_whole_characters(text->text, text->n), at = 0;
    f->n_tokens = token_read(text->text, n, &at, f->tokens, FIND_TEXT_MAX);
    uint32_t closed = text->whole ? f->n_tokens : token_closed(text->text, n, f->tokens, f->n_tokens);
    uint32_t stable = text->whole ? closed : count_stable(f, closed, text->stable);
    f->reader = (reader){.text = text->text, .n = n, .tokens = f->tokens, .n_tokens = stable, .whole = text->whole};
    f->reader.absent = ~senses_of(f);
    f->reader.names = f->names;
    if (types & NAME_TYPES) names_reset(f->names);
    uint32_t hold = walk(f);
    if (hold == stable) hold = walk_unstable(f, hold, closed);
    size_t settled = hold < f->n_tokens ? f->tokens[hold].at : n;
    if (settled < text->context) settled = text->context < n ? text->context : n;
    report(f, settled, hold, out);
    return STENO_OK;
}
