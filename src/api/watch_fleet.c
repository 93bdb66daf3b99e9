/* watch_fleet.c: see watch_fleet.h. */
#include "api/watch_fleet.h"

#include "api/service_int.h"
#include "api/watch_ask.h"
#include "api/watch_int.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

struct watch_fleet {
    asker *ask;
    net_watch *ready;
    ask_view view[WATCH_HOSTS_MAX]; /* to look at */
};

/* ---- configuration -------------------------------------------------------------------------------------------------- */

static steno_err ask_config_of(const watch *w, const watch_config *config, ask_config *out) {
    const char *list = config->fleet ? config->fleet : "";
    *out = (ask_config){.period_ms = ASK_PERIOD_MS, .now_s = watch_now_s};
    ERR_TRY(watch_names_parse(&out->names, list));
    ERR_TRY(watch_keys_read(config->fleet_key_file, &out->keys));
    memcpy(out->id, w->id, sizeof w->id);
    const char *ca = config->fleet_ca_file ? config->fleet_ca_file : "";
    int n = snprintf(out->ca_file, sizeof out->ca_file, "%s", ca);
    return n < (int)sizeof out->ca_file ? STENO_OK : err_fail(STENO_E_INVALID, "%.80s…: a path too long", ca);
}

static void take(void *ctx) {
    watch *w = ctx;
    size_t n;
    monitor_cell *cells = asker_take(w->fleet->ask, &n);
    for (size_t i = 0; i < n && cells; i++) watch_feed(w, &cells[i]);
    mem_free(cells);
}

static void free_fleet(watch_fleet *f) {
    if (f->ready) net_watch_close(f->ready);
    asker_close(f->ask);
    mem_free(f);
}

static steno_err open_fleet(watch *w, const ask_config *config) {
    watch_fleet *f = mem_alloc(1, sizeof *f);
    if (!f) return err_fail(STENO_E_NOMEM, "no memory for the fleet");
    steno_err e = asker_open(config, &f->ask);
    if (e == STENO_OK) f->ready = net_watch_open(w->service->net, asker_fd(f->ask), take, w);
    if (e == STENO_OK && !f->ready) e = err_fail(STENO_E_NOMEM, "no memory for the fleet");
    if (e == STENO_OK)
        w->fleet = f;
    else
        free_fleet(f);
    return e;
}

static steno_err use(watch *w, const ask_config *config) {
    if (config->names.n == 0) {
        watch_fleet_stop(w);
        return STENO_OK;
    }
    return w->fleet ? asker_configure(w->fleet->ask, config) : open_fleet(w, config);
}

steno_err watch_fleet_configure(watch *w, const watch_config *config) {
    ask_config *c = mem_alloc(1, sizeof *c); /* large */
    if (!c) return err_fail(STENO_E_NOMEM, "no memory for the fleet");
    steno_err e = ask_config_of(w, config, c);
    if (e == STENO_OK) e = use(w, c);
    mem_free(c);
    return e;
}

void watch_fleet_stop(watch *w) {
    if (w->fleet) free_fleet(w->fleet);
    w->fleet = NULL;
}

/* ---- looking -------------------------------------------------------------------------------------------------------- */

static json_t *ratio(double y, double w) {
    return w > 0 ? json_real(y / w) : json_null();
}

/* Of what came with the last answer, if anything was counted then. */
static json_t *host_json(const ask_view *h) {
    const monitor_cell *c = &h->look.sum;
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:f}", "host", h->name, "state",
                     ask_state_name(h->state), "why", h->why, "version", h->version, "since_s", (json_int_t)h->since_s,
                     "answered_s", (json_int_t)h->answered_s, "asked", (json_int_t)h->asked, "failed",
                     (json_int_t)h->failed, "series", (json_int_t)h->series, "utterances", (json_int_t)c->utterances,
                     "confidence", ratio(c->confidence_sum, (double)c->texts), "empty_rate",
                     ratio((double)c->empty, (double)c->utterances), "rtf", ratio(c->busy_s, c->capacity_s),
                     "memory_bytes", c->memory_bytes);
}

json_t *watch_fleet_json(const watch *w) {
    json_t *list = json_array();
    size_t n = w->fleet ? asker_views(w->fleet->ask, w->fleet->view) : 0;
    for (size_t i = 0; i < n; i++) json_array_append_new(list, host_json(&w->fleet->view[i]));
    return list;
}

void watch_fleet_write(expo *e, const watch *w) {
    double hosts[ASK_STATES] = {0};
    ask_counts counts = {0};
    size_t n = w->fleet ? asker_views(w->fleet->ask, w->fleet->view) : 0;
    for (size_t i = 0; i < n; i++) hosts[w->fleet->view[i].state]++;
    if (w->fleet) asker_count(w->fleet->ask, &counts);
    expo_family(e, "steno_instance_info", EXPO_GAUGE, "1: which process this is, by a random name.");
    expo_sample(e, EXPO_LABELS({"id", w->id}), 1);
    expo_family(e, "steno_fleet_hosts", EXPO_GAUGE, "Other hosts that are asked, by how they are.");
    for (int i = 0; i < ASK_STATES; i++) expo_sample(e, EXPO_LABELS({"state", ask_state_name((ask_state)i)}), hosts[i]);
    expo_family(e, "steno_fleet_asked_total", EXPO_COUNTER, "Times other hosts were asked.");
    expo_sample(e, EXPO_LABELS({"outcome", "answered"}), (double)counts.answered);
    expo_sample(e, EXPO_LABELS({"outcome", "failed"}), (double)counts.failed);
}
