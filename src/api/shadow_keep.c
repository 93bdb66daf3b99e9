/* shadow_keep.c: what came of the shadow, to the store and back: see shadow_int.h.
 *
 * Every KEEP_S, when something has changed, counts, summary, the minutes since the last time and the samples are one item of the store thread and
 * one transaction. At start, and when other engines listen, what was counted of the same two before is added. What is too old goes every
 * TIDY_S, also when nobody listens any more.
 */
#include "api/shadow_int.h"

#include "api/service_int.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/shadow_store.h"
#include "store/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEP_S     5
#define TIDY_S     3600
#define DAY_S      86400
#define ROWS       8 /* minutes in one go: the one that runs, and those that ended since */
#define COUNTS_KEY "counts"

typedef struct kept_row {
    int64_t at_s;
    char *text; /* owned, jansson's; NULL: none */
} kept_row;

typedef struct shadow_save {
    work head;
    char run[SHADOW_RUN_BYTES];
    int64_t since_s, now_s, expire_before_s;
    char *counts, *summary;
    kept_row minute[ROWS], sample[SHADOW_SAMPLES];
    bool samples;
} shadow_save;

typedef struct shadow_load {
    work head;
    shadow *owner; /* NULL: nobody waits any more */
    char run[SHADOW_RUN_BYTES];
    shadow_store_run found;
    json_t *samples; /* list */
} shadow_load;

/* ---- to the store --------------------------------------------------------------------------------------------------- */

static char *dump(json_t *o) {
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(o);
    return text;
}

/* Sums as they stand in the struct, and what belongs to them. */
static json_t *counts_json(const shadow *s) {
    double number[SHADOW_NUMBERS];
    json_t *list = json_array(), *uses = json_array(), *dropped = json_array();
    memcpy(number, &s->counts, sizeof number);
    for (size_t i = 0; i < SHADOW_NUMBERS; i++) json_array_append_new(list, json_real(number[i]));
    for (int k = 0; k < SHADOW_SIDES; k++) {
        json_array_append_new(uses, json_real(s->use[k].heard_s));
        json_array_append_new(uses, json_real(s->use[k].cpu_s));
    }
    for (int k = 0; k < SHADOW_REASONS; k++) {
        json_array_append_new(dropped, json_real(s->dropped_s[k]));
        json_array_append_new(dropped, json_real(s->dropped_streams[k]));
    }
    return json_pack("{s:o, s:o, s:o, s:f, s:f, s:f}", COUNTS_KEY, list, "use", uses, "dropped", dropped, "copied_s",
                     s->copied_s, "copied_streams", s->copied_streams, "pairs_lost", s->pairs_lost);
}

static void free_save(shadow_save *k) {
    if (!k) return;
    free(k->counts);
    free(k->summary);
    for (int i = 0; i < ROWS; i++) free(k->minute[i].text);
    for (int i = 0; i < SHADOW_SAMPLES; i++) free(k->sample[i].text);
    mem_free(k);
}

static steno_err put_all(shadow_save *k, db *d) {
    ERR_TRY(shadow_store_put_run(d, k->run, k->since_s, k->now_s, k->counts, k->summary));
    for (int i = 0; i < ROWS; i++) {
        if (k->minute[i].text) ERR_TRY(shadow_store_put_minute(d, k->run, k->minute[i].at_s, k->minute[i].text));
    }
    for (int i = 0; k->samples && i < SHADOW_SAMPLES; i++) {
        if (k->sample[i].text) ERR_TRY(shadow_store_put_sample(d, k->run, i, k->sample[i].at_s, k->sample[i].text));
    }
    return shadow_store_expire(d, k->expire_before_s);
}

static steno_err run_save(work *item, db *d) {
    if (!d) return STENO_OK;
    ERR_TRY(db_begin(d));
    return db_end(d, put_all((shadow_save *)item, d));
}

static void saved(work *item) {
    if (item->error != STENO_OK) log_line(LOG_LEVEL_WARN, "shadow: a minute was not stored: %s", item->why);
    free_save((shadow_save *)item);
}

static bool gather(shadow *s, shadow_save *k) {
    k->counts = dump(counts_json(s));
    k->summary = dump(shadow_summary(s));
    if (!k->counts || !k->summary) return false;
    size_t n = s->n_minutes < ROWS ? s->n_minutes : ROWS, kept = 0;
    for (size_t i = s->n_minutes - n; i < s->n_minutes; i++) {
        const shadow_minute *m = &s->minute[i % SHADOW_MINUTES];
        if (m->start_s + CELL_S < s->saved_s) continue; /* it is there already */
        k->minute[kept++] = (kept_row){m->start_s, dump(shadow_minute_json(m))};
    }
    k->samples = s->samples_changed;
    for (int i = 0; k->samples && i < SHADOW_SAMPLES; i++) {
        if (s->sample[i].score > 0)
            k->sample[i] = (kept_row){s->sample[i].at_s, dump(shadow_sample_json(&s->sample[i], NULL))};
    }
    return true;
}

void shadow_keep(shadow *s, bool now) {
    int64_t now_s = shadow_now_s();
    if (!s->service->store || s->config.retain_days <= 0 || !s->changed || s->stopped || !s->restored) return;
    if (!now && now_s < s->saved_s + KEEP_S) return;
    shadow_save *k = mem_alloc(1, sizeof *k);
    if (!k) return;
    k->head = (work){.run = run_save, .done = saved};
    memcpy(k->run, s->run, sizeof k->run);
    k->since_s = s->since_s;
    k->now_s = now_s;
    k->expire_before_s = now_s - (int64_t)s->config.retain_days * 86400;
    if (!gather(s, k) || !worker_put(s->service->store, &k->head)) {
        free_save(k);
        return;
    }
    s->changed = s->samples_changed = false;
    s->saved_s = now_s;
}

/* ---- what is too old ------------------------------------------------------------------------------------------------- */

typedef struct shadow_tidying {
    work head;
    int64_t before_s;
    bool texts;
} shadow_tidying;

static steno_err run_tidying(work *item, db *d) {
    const shadow_tidying *k = (const shadow_tidying *)item;
    if (!d) return STENO_OK;
    ERR_TRY(db_begin(d));
    steno_err e = shadow_store_expire(d, k->before_s);
    if (e == STENO_OK && !k->texts) e = shadow_store_forget_texts(d);
    return db_end(d, e);
}

static void tidied(work *item) {
    if (item->error != STENO_OK) log_line(LOG_LEVEL_WARN, "shadow: what is too old stays: %s", item->why);
    mem_free(item);
}

void shadow_tidy(service *v) {
    int64_t now_s = shadow_now_s();
    if (!v->store || now_s < v->shadow_tidied_s + TIDY_S) return;
    shadow_tidying *k = mem_alloc(1, sizeof *k);
    if (!k) return;
    *k = (shadow_tidying){.head = {.run = run_tidying, .done = tidied},
                          .before_s = now_s - (int64_t)v->config.shadow.retain_days * DAY_S,
                          .texts = v->config.shadow.texts};
    v->shadow_tidied_s = now_s;
    if (!worker_put(v->store, &k->head)) mem_free(k);
}

/* ---- from the store ------------------------------------------------------------------------------------------------- */

static void add_sample(void *ctx, int64_t at_s, const char *text) {
    (void)at_s;
    json_t *o = json_loads(text, 0, NULL);
    if (o) json_array_append_new(ctx, o);
}

static steno_err run_load(work *item, db *d) {
    shadow_load *l = (shadow_load *)item;
    if (!d) return STENO_OK;
    ERR_TRY(shadow_store_get_run(d, l->run, &l->found));
    l->samples = json_array();
    return l->found.run && l->samples ? shadow_store_samples(d, l->run, add_sample, l->samples) : STENO_OK;
}

static double number_at(const json_t *list, size_t i) {
    return json_number_value(json_array_get(list, i));
}

static void take_counts(shadow *s, const json_t *o) {
    const json_t *list = json_object_get(o, COUNTS_KEY), *uses = json_object_get(o, "use");
    const json_t *dropped = json_object_get(o, "dropped");
    double number[SHADOW_NUMBERS];
    if (json_array_size(list) != SHADOW_NUMBERS) return; /* of another version */
    double better = s->counts.top_better, worse = s->counts.top_worse;
    memcpy(number, &s->counts, sizeof number);
    for (size_t i = 0; i < SHADOW_NUMBERS; i++) number[i] += number_at(list, i);
    memcpy(&s->counts, number, sizeof number);
    s->counts.top_better -= better; /* the most of what is stored */
    s->counts.top_worse -= worse;
    for (size_t k = 0; k < SHADOW_SIDES; k++) {
        s->use[k].heard_s += number_at(uses, 2 * k);
        s->use[k].cpu_s += number_at(uses, 2 * k + 1);
    }
    for (size_t k = 0; k < SHADOW_REASONS; k++) {
        s->dropped_s[k] += number_at(dropped, 2 * k);
        s->dropped_streams[k] += number_at(dropped, 2 * k + 1);
    }
    s->copied_s += json_number_value(json_object_get(o, "copied_s"));
    s->copied_streams += json_number_value(json_object_get(o, "copied_streams"));
    s->pairs_lost += json_number_value(json_object_get(o, "pairs_lost"));
}

static void take_sample(const shadow *s, shadow_sample *to, const json_t *o) {
    const char *owner = json_string_value(json_object_get(o, "owner")), *a = json_string_value(json_object_get(o, "a"));
    const char *b = json_string_value(json_object_get(o, "b"));
    *to = (shadow_sample){.score = json_number_value(json_object_get(o, "score")),
                          .at_s = (int64_t)json_integer_value(json_object_get(o, "at_s")),
                          .live = json_is_true(json_object_get(o, "live")),
                          .duration_s = json_number_value(json_object_get(o, "duration_s")),
                          .words = json_number_value(json_object_get(o, "words")),
                          .edits = json_number_value(json_object_get(o, "edits")),
                          .confidence_a = json_number_value(json_object_get(o, "confidence_a")),
                          .confidence_b = json_number_value(json_object_get(o, "confidence_b"))};
    snprintf(to->owner, sizeof to->owner, "%s", owner ? owner : "");
    if (!s->config.texts) return; /* they were wanted then */
    snprintf(to->a, sizeof to->a, "%s", a ? a : "");
    snprintf(to->b, sizeof to->b, "%s", b ? b : "");
}

static void take_found(shadow *s, const shadow_load *l) {
    json_t *o = l->found.counts ? json_loads(l->found.counts, 0, NULL) : NULL;
    size_t at = 0;
    if (!o) return;
    take_counts(s, o);
    json_decref(o);
    s->since_s = l->found.since_s;
    for (int i = 0; i < SHADOW_SAMPLES && at < json_array_size(l->samples); i++) {
        if (s->sample[i].score > 0) continue; /* one came meanwhile */
        take_sample(s, &s->sample[i], json_array_get(l->samples, at++));
    }
    s->samples_changed = true;
}

static void loaded(work *item) {
    shadow_load *l = (shadow_load *)item;
    shadow *s = l->owner;
    if (item->error != STENO_OK) log_line(LOG_LEVEL_WARN, "shadow: nothing is known from before: %s", item->why);
    if (s) s->load = NULL;
    if (s) s->restored = true;
    if (s && item->error == STENO_OK && strcmp(l->run, s->run) == 0) take_found(s, l);
    shadow_store_run_free(&l->found);
    json_decref(l->samples);
    mem_free(l);
}

void shadow_keep_start(shadow *s) {
    shadow_keep_stop(s);
    s->restored = true;
    s->load = s->service->store && s->config.retain_days > 0 ? mem_alloc(1, sizeof *s->load) : NULL;
    if (!s->load) return;
    *s->load = (shadow_load){.head = {.run = run_load, .done = loaded}, .owner = s};
    memcpy(s->load->run, s->run, sizeof s->load->run);
    s->restored = false; /* nothing is written over what is read */
    if (worker_put(s->service->store, &s->load->head)) return;
    mem_free(s->load);
    s->load = NULL;
    s->restored = true;
}

void shadow_keep_stop(shadow *s) {
    if (s->load) s->load->owner = NULL;
    s->load = NULL;
}
