/* score_pii.c: see score_pii.h. */
#include "cmd/score_pii.h"

#include "base/mem.h"
#include "cmd/cli.h"
#include "output/format.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct entity {
    size_t type; /* index in the tally */
    size_t start, end;
    bool exact, taken; /* is in a pair already */
} entity;

typedef struct side {
    const char *name;
    const score_line *line;
    json_t *json;
    const char *text; /* [n] the json's; NULL where a hypothesis says none */
    size_t n;
    entity *entity; /* owned, [count] by start */
    size_t count;
} side;

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static steno_err wrong(const side *s, const char *reason) {
    return err_fail(STENO_E_FORMAT, "%s: line %zu: %s", s->name, s->line->number, reason);
}

static steno_err type_index(score_pii_tally *tally, const side *s, const char *name, size_t *out) {
    for (*out = 0; *out < tally->n; (*out)++)
        if (strcmp(tally->of[*out].type, name) == 0) return STENO_OK;
    if (strlen(name) > SCORE_PII_TYPE_BYTES_MAX) return wrong(s, "the type of an entity is too long");
    if (tally->n == SCORE_PII_TYPES_MAX)
        return err_fail(STENO_E_LIMIT, "%s: line %zu: more than %d types of entities", s->name, s->line->number,
                        SCORE_PII_TYPES_MAX);
    snprintf(tally->of[tally->n++].type, sizeof tally->of[0].type, "%s", name);
    return STENO_OK;
}

static steno_err read_entity(score_pii_tally *tally, const side *s, const json_t *from, entity *out) {
    const char *type = json_string_value(json_object_get(from, "type"));
    const json_t *start = json_object_get(from, "start"), *end = json_object_get(from, "end");
    if (!type || !json_is_integer(start) || !json_is_integer(end))
        return wrong(s, "an entity lacks a type, a start or an end");
    if (json_integer_value(start) < 0 || json_integer_value(end) <= json_integer_value(start) ||
        (s->text && (uint64_t)json_integer_value(end) > s->n))
        return wrong(s, "an entity's start and end are no bytes of the text");
    out->start = (size_t)json_integer_value(start);
    out->end = (size_t)json_integer_value(end);
    return type_index(tally, s, type, &out->type);
}

static int by_start(const void *a, const void *b) {
    const entity *x = a, *y = b;
    if (x->start != y->start) return x->start < y->start ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static steno_err read_entities(score_pii_tally *tally, side *s, const json_t *list) {
    size_t n = json_array_size(list);
    if (!json_is_array(list)) return wrong(s, "there is no list of entities");
    if (n > SCORE_PII_ENTITIES_MAX)
        return err_fail(STENO_E_LIMIT, "%s: line %zu: more than %d entities", s->name, s->line->number,
                        SCORE_PII_ENTITIES_MAX);
    s->entity = mem_alloc(n ? n : 1, sizeof *s->entity);
    if (!s->entity) return err_fail(STENO_E_NOMEM, "%s: no memory for %zu entities", s->name, n);
    for (; s->count < n; s->count++)
        ERR_TRY(read_entity(tally, s, json_array_get(list, s->count), &s->entity[s->count]));
    qsort(s->entity, n, sizeof *s->entity, by_start);
    return STENO_OK;
}

static steno_err read_side(score_pii_tally *tally, side *s) {
    json_error_t why;
    s->json = json_loadb(s->line->text, s->line->text_bytes, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    if (!json_is_object(s->json)) return wrong(s, s->json ? "no JSON object" : why.text);
    const json_t *text = json_object_get(s->json, "text");
    if (text && !json_is_string(text)) return wrong(s, "the text is no string");
    s->text = json_string_value(text);
    s->n = json_string_length(text);
    return read_entities(tally, s, json_object_get(s->json, "entities"));
}

static void free_side(side *s) {
    json_decref(s->json);
    mem_free(s->entity);
}

/* ---- comparing ------------------------------------------------------------------------------------------------------ */

static bool meet(const entity *a, const entity *b) {
    return a->start < b->end && b->start < a->end;
}

/* From left to right, each with the first that is free: where entities of one side do not overlap, no other pairing has more pairs. */
static void pair_up(score_pii_tally *tally, side *ref, side *hyp) {
    for (size_t i = 0; i < ref->count; i++) {
        entity *r = &ref->entity[i];
        score_pii_counts *c = &tally->of[r->type];
        for (size_t k = 0; k < hyp->count && hyp->entity[k].start < r->end; k++) {
            entity *h = &hyp->entity[k];
            if (h->type != r->type || !meet(r, h)) continue;
            if (!h->exact && !r->exact && h->start == r->start && h->end == r->end) {
                h->exact = r->exact = true;
                c->exact++;
            }
            if (h->taken || r->taken) continue;
            h->taken = r->taken = true;
            c->overlap++;
        }
    }
}

/* Bytes of `r` that nothing in the hypothesis covers. Its entities are in order of their starts. */
static uint64_t uncovered(const entity *r, const side *hyp) {
    size_t at = r->start;
    uint64_t open = 0;
    for (size_t k = 0; k < hyp->count && at < r->end; k++) {
        const entity *h = &hyp->entity[k];
        if (h->end <= at) continue;
        if (h->start >= r->end) break;
        if (h->start > at) open += h->start - at;
        at = h->end;
    }
    return at < r->end ? open + (r->end - at) : open;
}

static steno_err compare(score_pii_tally *tally, side *ref, side *hyp) {
    ERR_TRY(read_side(tally, ref));
    ERR_TRY(read_side(tally, hyp));
    if (!ref->text) return wrong(ref, "there is no text");
    if (hyp->text && (hyp->n != ref->n || memcmp(hyp->text, ref->text, ref->n) != 0))
        return wrong(hyp, "the text is not that of the reference");
    pair_up(tally, ref, hyp);
    for (size_t i = 0; i < ref->count; i++) {
        score_pii_counts *c = &tally->of[ref->entity[i].type];
        c->reference++;
        c->bytes += ref->entity[i].end - ref->entity[i].start;
        c->uncovered += uncovered(&ref->entity[i], hyp);
    }
    for (size_t i = 0; i < hyp->count; i++) tally->of[hyp->entity[i].type].hypothesis++;
    tally->lines++;
    return STENO_OK;
}

steno_err score_pii_add(score_pii_tally *tally, const char *ref_name, const score_line *ref, const char *hyp_name,
                        const score_line *hyp) {
    side r = {.name = ref_name, .line = ref}, h = {.name = hyp_name, .line = hyp};
    steno_err err = compare(tally, &r, &h);
    free_side(&r);
    free_side(&h);
    return err;
}

void score_pii_sum(const score_pii_tally *tally, score_pii_counts *out) {
    *out = (score_pii_counts){.type = "all"};
    for (size_t i = 0; i < tally->n; i++) {
        const score_pii_counts *c = &tally->of[i];
        out->reference += c->reference;
        out->hypothesis += c->hypothesis;
        out->overlap += c->overlap;
        out->exact += c->exact;
        out->bytes += c->bytes;
        out->uncovered += c->uncovered;
    }
}

/* ---- printing --------------------------------------------------------------------------------------------------------- */

static double of(uint64_t part, uint64_t whole) {
    return whole ? (double)part / (double)whole : NAN;
}

static double f1(uint64_t pairs, const score_pii_counts *c) {
    return of(2 * pairs, c->reference + c->hypothesis);
}

static void put_share(const char *name, double value) {
    printf(",\"%s\":", name);
    if (isnan(value))
        fputs("null", stdout);
    else
        output_put_number(stdout, value);
}

static void put_json(const score_pii_counts *c) {
    fputs("{\"type\":\"", stdout);
    output_put_text(stdout, c->type, strlen(c->type), output_escape_json);
    printf("\",\"reference\":%" PRIu64 ",\"hypothesis\":%" PRIu64 ",\"overlap\":%" PRIu64 ",\"exact\":%" PRIu64,
           c->reference, c->hypothesis, c->overlap, c->exact);
    put_share("precision", of(c->overlap, c->hypothesis));
    put_share("recall", of(c->overlap, c->reference));
    put_share("f1", f1(c->overlap, c));
    put_share("exact_precision", of(c->exact, c->hypothesis));
    put_share("exact_recall", of(c->exact, c->reference));
    put_share("exact_f1", f1(c->exact, c));
    printf(",\"bytes\":%" PRIu64 ",\"uncovered_bytes\":%" PRIu64 "}", c->bytes, c->uncovered);
}

static void put_cell(double value) {
    if (isnan(value))
        printf("  %8s", "-");
    else
        printf("  %8.4f", value);
}

static void put_row(const score_pii_counts *c) {
    printf("%9" PRIu64 "  %9" PRIu64, c->reference, c->hypothesis);
    put_cell(of(c->overlap, c->hypothesis));
    put_cell(of(c->overlap, c->reference));
    put_cell(f1(c->overlap, c));
    put_cell(of(c->exact, c->hypothesis));
    put_cell(of(c->exact, c->reference));
    put_cell(of(c->uncovered, c->bytes));
    fputs("  ", stdout);
    output_put_text(stdout, c->type, strlen(c->type), output_escape_plain);
    putchar('\n');
}

static void put(const score_pii_tally *tally, bool json) {
    score_pii_counts all;
    score_pii_sum(tally, &all);
    if (!json) puts("reference      found  precision recall    F1        exact P   exact R   open      type");
    if (json) printf("{\"lines\":%" PRIu64 ",\"types\":[", tally->lines);
    for (size_t i = 0; i < tally->n; i++) {
        if (json && i) putchar(',');
        json ? put_json(&tally->of[i]) : put_row(&tally->of[i]);
    }
    if (json) fputs("],\"all\":", stdout);
    json ? put_json(&all) : put_row(&all);
    if (json) puts("}");
}

static steno_err tally_files(const score_file *ref, const score_file *hyp, score_pii_tally *tally) {
    if (ref->n != hyp->n)
        return err_fail(STENO_E_INVALID, "%s: %zu lines, %s has %zu", hyp->name, hyp->n, ref->name, ref->n);
    for (size_t i = 0; i < ref->n; i++)
        ERR_TRY(score_pii_add(tally, ref->name, &ref->line[i], hyp->name, &hyp->line[i]));
    return STENO_OK;
}

int score_pii(const char *ref_path, const char *hyp_path, bool json) {
    score_file ref = {0}, hyp = {0};
    score_pii_tally *tally = mem_alloc(1, sizeof *tally);
    const char *path = ref_path;
    steno_err err = tally ? score_file_read(ref_path, SCORE_BY_LINE, &ref)
                          : err_fail(STENO_E_NOMEM, "%s: no memory to count", ref_path);
    if (err == STENO_OK) err = score_file_read(path = hyp_path, SCORE_BY_LINE, &hyp);
    if (err == STENO_OK) err = tally_files(&ref, &hyp, tally);
    if (err == STENO_OK)
        put(tally, json);
    else
        cli_complain(path, steno_error_detail());
    score_file_free(&ref);
    score_file_free(&hyp);
    mem_free(tally);
    return err == STENO_OK ? 0 : 1;
}
